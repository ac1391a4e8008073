// What the reading routes share: pages, and waiting until a projection shows what the caller has written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/http/routes/routes.h"

namespace billhook::http {

// The parameters of every list and of every read, to be joined with a route's own.
std::vector<std::string_view> ListParameters(std::vector<std::string_view> own);
std::vector<std::string_view> ReadParameters(std::vector<std::string_view> own);

// `limit` and `cursor`; faults are noted in the call's query. Keys of lists in order of a number start with
// it.
enum class KeyStart { kText, kNumber };
query::PageRequest PageRequestOf(Call& call, std::size_t key_parts, KeyStart start = KeyStart::kText);

// Waits for `min_position`; a refusal if a parameter is bad or the projection does not get there within
// `wait_ms`.
std::optional<Response> AwaitProjection(Call& call, Services& services, const std::string& projection);
// The same for what several projections tell together, or all of them.
std::optional<Response> AwaitProjections(Call& call, Services& services,
                                         const std::vector<std::string>& projections);
std::optional<Response> AwaitAllProjections(Call& call, Services& services);

// 200 with a JSON text that shows the read model at `position`.
Response ReadModelResponse(std::string body, std::int64_t position);
Response ListResponse(const query::Page& page);

}  // namespace billhook::http
