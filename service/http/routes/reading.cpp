#include "service/http/routes/reading.h"

#include <algorithm>
#include <limits>

#include "service/query/events_query.h"

namespace billhook::http {
namespace {

constexpr std::int64_t kDefaultWaitMs = 2'000;
constexpr std::int64_t kMaxWaitMs = 30'000;

std::vector<std::string_view> Join(std::vector<std::string_view> own,
                                   std::initializer_list<std::string_view> more) {
  own.insert(own.end(), more);
  return own;
}

}  // namespace

std::vector<std::string_view> ReadParameters(std::vector<std::string_view> own) {
  return Join(std::move(own), {"min_position", "wait_ms"});
}

std::vector<std::string_view> ListParameters(std::vector<std::string_view> own) {
  return ReadParameters(Join(std::move(own), {"limit", "cursor"}));
}

query::PageRequest PageRequestOf(Call& call, std::size_t key_parts, KeyStart start) {
  query::PageRequest page;
  const auto limit = call.query.Integer("limit", 1, static_cast<std::int64_t>(query::kMaxLimit));
  if (limit) page.limit = static_cast<std::size_t>(*limit);
  if (const std::optional<std::string> cursor = call.query.Text("cursor")) {
    std::optional<query::Key> after = query::DecodeCursor(*cursor, key_parts);
    const bool number = after && after->front().size() <= 18 && !after->front().empty() &&
                        after->front().find_first_not_of("0123456789") == std::string::npos;
    if (!after || (start == KeyStart::kNumber && !number))
      call.query.Fault("cursor", "Must be the next_cursor of a page of this list.");
    page.after = std::move(after).value_or(query::Key{});
  }
  return page;
}

std::optional<query::AsOf> AsOfOf(Call& call) {
  const std::optional<UnixMicros> at = call.query.Time("as_of");
  const std::optional<std::string> axis = call.query.Text("time_axis");
  if (axis && *axis != "occurred" && *axis != "recorded")
    call.query.Fault("time_axis", "Must be occurred or recorded.");
  if (axis && !call.query.Text("as_of")) call.query.Fault("time_axis", "Has a meaning only beside as_of.");
  if (!at) return std::nullopt;
  return query::AsOf{*at, axis == "recorded" ? query::AsOf::Axis::kRecorded : query::AsOf::Axis::kOccurred};
}

std::optional<Response> AwaitProjection(Call& call, Services& services, const std::string& projection) {
  return AwaitProjections(call, services, {projection});
}

std::optional<Response> AwaitProjections(Call& call, Services& services,
                                         const std::vector<std::string>& projections) {
  const auto min_position = call.query.Integer("min_position", 0, std::numeric_limits<std::int64_t>::max());
  const auto wait_ms = call.query.Integer("wait_ms", 0, kMaxWaitMs);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  if (!min_position) return std::nullopt;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms.value_or(kDefaultWaitMs));
  for (const std::string& projection : projections) {
    if (services.projector.WaitFor(projection, *min_position, deadline)) continue;
    return Unavailable("projection_behind",
                       "The read model does not show min_position yet. Try again, or wait longer (wait_ms).");
  }
  return std::nullopt;
}

std::optional<Response> AwaitAllProjections(Call& call, Services& services) {
  std::vector<std::string> names;
  for (const Projection* projection : services.projector.projections())
    names.emplace_back(projection->name());
  return AwaitProjections(call, services, names);
}

std::optional<Response> AwaitLog(Call& call, Services& services) {
  const auto min_position = call.query.Integer("min_position", 0, std::numeric_limits<std::int64_t>::max());
  call.query.Integer("wait_ms", 0, kMaxWaitMs);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  // Who knows a position knows it from a commit: there is nothing to wait for.
  if (!min_position || services.log.LatestPosition() >= *min_position) return std::nullopt;
  return Unavailable("projection_behind", "The log has not reached min_position yet.");
}

Result<std::string, Response> AggregateTypeOf(Services& services, const std::string& tenant,
                                              const std::string& aggregate_id,
                                              const std::optional<std::string>& wanted,
                                              const std::string& pointer) {
  const std::vector<std::string> types = query::TypesOf(services.database, tenant, aggregate_id);
  if (!wanted && types.size() > 1) {
    return Unexpected(Problem(422, "aggregate_ambiguous",
                              "This ID stands under several aggregate types: name aggregate_type.",
                              {{pointer, "Is needed for this ID."}}));
  }
  const bool known = wanted ? std::find(types.begin(), types.end(), *wanted) != types.end() : !types.empty();
  if (!known) return Unexpected(Problem(404, "not_found", "There is no such stream."));
  return wanted.value_or(types.front());
}

Response NotOne(const std::string& noun, std::size_t found) {
  if (found == 0) return Problem(404, "not_found", "There is no such " + noun + ".");
  return Problem(422, noun + "_ambiguous",
                 "This ID stands under several accounts or livemodes: name account or livemode.");
}

Response ReadModelResponse(std::string body, std::int64_t position) {
  Response response;
  response.body = std::move(body);
  response.headers.emplace_back("X-Projection-Position", std::to_string(position));
  return response;
}

Response ListResponse(const query::Page& page) {
  return ReadModelResponse(query::ListBody(page), page.position);
}

}  // namespace billhook::http
