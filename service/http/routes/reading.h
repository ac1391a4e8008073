// What the reading routes share: pages, moments of the past, and waiting until a projection shows what the
// caller has written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/http/routes/routes.h"
#include "service/query/as_of.h"
#include "service/storage/timeline.h"

namespace billhook::http {

// The parameters of every list and of every read, to be joined with a route's own.
std::vector<std::string_view> ListParameters(std::vector<std::string_view> own);
std::vector<std::string_view> ReadParameters(std::vector<std::string_view> own);

// `limit` and `cursor`; faults are noted in the call's query. Keys of lists in order of a number start with
// it.
enum class KeyStart { kText, kNumber };
query::PageRequest PageRequestOf(Call& call, std::size_t key_parts, KeyStart start = KeyStart::kText);

// `as_of` and `time_axis`, which a route that reads them names among its parameters; nothing without `as_of`.
// Faults are noted in the call's query, also that of a `time_axis` without `as_of`.
std::optional<query::AsOf> AsOfOf(Call& call);

// Waits for `min_position`; a refusal if a parameter is bad or the projection does not get there within
// `wait_ms`.
std::optional<Response> AwaitProjection(Call& call, Services& services, const std::string& projection);
// The same for what several projections tell together, or all of them.
std::optional<Response> AwaitProjections(Call& call, Services& services,
                                         const std::vector<std::string>& projections);
std::optional<Response> AwaitAllProjections(Call& call, Services& services);

// The same for what the log itself tells: it shows what is committed at once, so `min_position` can only lie
// in the future of all writers.
std::optional<Response> AwaitLog(Call& call, Services& services);

// The same on the timeline that `branch` names, which is put into `timeline`; the main log without it.
// Refused too: 403 for who may not read branches, 404 for an unknown one. Of a branch the projections
// must have passed the fork, and the branch shows its own events at once.
std::optional<Response> AwaitProjectionOn(Call& call, Services& services, const std::string& projection,
                                          storage::Timeline& timeline);
std::optional<Response> AwaitProjectionsOn(Call& call, Services& services,
                                           const std::vector<std::string>& projections,
                                           storage::Timeline& timeline);
std::optional<Response> AwaitLogOn(Call& call, Services& services, storage::Timeline& timeline);

// The type under which the ID has a stream: the wanted one, or the only one. 404 where there is none, 422
// where there are several; `pointer` is where a caller names it.
Result<std::string, Response> AggregateTypeOf(Services& services, const std::string& tenant,
                                              const std::string& aggregate_id,
                                              const std::optional<std::string>& wanted,
                                              const std::string& pointer,
                                              const storage::Timeline& timeline = {});

// The filter of a read model whose rows bear a livemode and an account: the caller's tenant, and these two as
// asked for.
template <typename Filter>
Filter ScopedFilter(Call& call) {
  Filter filter;
  filter.tenant = call.caller.tenant;
  filter.livemode = call.query.Boolean("livemode");
  filter.account = call.query.Text("account");
  return filter;
}

// What is answered where an ID does not name one `noun`: 404 for none, 422 "NOUN_ambiguous" for several.
Response NotOne(const std::string& noun, std::size_t found);

// The object that was found, or why it is not one; and the same once it is found, where looks are shared.
Response FoundResponse(const query::Found& found, const std::string& noun);
Reply FindReply(query::ObjectFinder& objects, query::ObjectName name, const std::string& noun);

// 200 with a JSON text that shows the read model at `position`.
Response ReadModelResponse(std::string body, std::int64_t position);
Response ListResponse(const query::Page& page);

}  // namespace billhook::http
