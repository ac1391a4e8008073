#include "service/http/routes/reading.h"

#include <algorithm>
#include <limits>

#include "service/branches/branches.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

constexpr std::int64_t kDefaultWaitMs = 2'000;
constexpr std::int64_t kMaxWaitMs = 30'000;

// What a caller says of waiting; faults are noted in the call's query.
struct Waiting {
  std::optional<std::int64_t> min_position;
  std::chrono::milliseconds wait{};
};
Waiting WaitingOf(Call& call) {
  const auto min_position = call.query.Integer("min_position", 0, std::numeric_limits<std::int64_t>::max());
  const auto wait_ms = call.query.Integer("wait_ms", 0, kMaxWaitMs);
  return {min_position, std::chrono::milliseconds(wait_ms.value_or(kDefaultWaitMs))};
}

std::optional<Response> Await(Services& services, const std::vector<std::string>& projections,
                              std::int64_t position, std::chrono::milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  for (const std::string& projection : projections) {
    if (services.projector.WaitFor(projection, position, deadline)) continue;
    return Unavailable(
        "projection_behind",
        "The read model does not show that position yet. Try again, or wait longer (wait_ms).");
  }
  return std::nullopt;
}

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
  page.max_bytes = call.PageBytes();
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
  const Waiting waiting = WaitingOf(call);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  if (!waiting.min_position) return std::nullopt;
  return Await(services, projections, *waiting.min_position, waiting.wait);
}

std::optional<Response> AwaitAllProjections(Call& call, Services& services) {
  std::vector<std::string> names;
  for (const Projection* projection : services.projector.projections())
    names.emplace_back(projection->name());
  return AwaitProjections(call, services, names);
}

std::optional<Response> AwaitLog(Call& call, Services& services) {
  const Waiting waiting = WaitingOf(call);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  const auto there = [&] { return services.log.LatestPosition() >= *waiting.min_position; };
  if (!waiting.min_position || there()) return std::nullopt;
  // What a projection has seen of it is in the log, and projections are told of appends.
  static_cast<void>(Await(services, {std::string(services.projector.projections().front()->name())},
                          *waiting.min_position, waiting.wait));
  if (there()) return std::nullopt;
  return Unavailable("projection_behind", "The log has not reached min_position yet.");
}

std::optional<Response> AwaitProjectionOn(Call& call, Services& services, const std::string& projection,
                                          storage::Timeline& timeline) {
  return AwaitProjectionsOn(call, services, {projection}, timeline);
}

std::optional<Response> AwaitProjectionsOn(Call& call, Services& services,
                                           const std::vector<std::string>& projections,
                                           storage::Timeline& timeline) {
  if (!call.query.Text("branch")) return AwaitProjections(call, services, projections);
  if (std::optional<Response> refusal = AwaitLogOn(call, services, timeline)) return refusal;
  return Await(services, projections, timeline.branch()->fork, WaitingOf(call).wait);
}

std::optional<Response> AwaitLogOn(Call& call, Services& services, storage::Timeline& timeline) {
  const std::optional<std::string> name = call.query.Text("branch");
  if (!name) return AwaitLog(call, services);
  const Waiting waiting = WaitingOf(call);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  if (call.caller.role < Role::kOperator)
    return Problem(403, "role_too_low", "Reading a branch needs the role operator.");
  const std::optional<branches::Branch> branch = branches::Find(services.database, call.caller.tenant, *name);
  if (!branch) return Problem(404, "branch_not_found", "There is no such branch.");
  if (waiting.min_position.value_or(0) > branch->head())
    return Unavailable("projection_behind", "The branch has not reached min_position yet.");
  timeline = branch->timeline();
  return std::nullopt;
}

Result<std::string, Response> AggregateTypeOf(Services& services, const std::string& tenant,
                                              const std::string& aggregate_id,
                                              const std::optional<std::string>& wanted,
                                              const std::string& pointer, const storage::Timeline& timeline) {
  const std::vector<std::string> types = query::TypesOf(services.database, tenant, aggregate_id, timeline);
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

Response FoundResponse(const query::Found& found, const std::string& noun) {
  if (found.objects != 1) return NotOne(noun, found.objects);
  return ReadModelResponse(*found.body, found.position);
}

Reply FindReply(query::ObjectFinder& objects, query::ObjectName name, const std::string& noun) {
  if (!objects.shares_looks()) return FoundResponse(objects.Find(std::move(name)), noun);
  const auto outcome = std::make_shared<query::ObjectFinder::Outcome>();
  return Pending{[&objects, name = std::move(name), outcome](std::function<void()> ready) mutable {
                   objects.FindLater(std::move(name), [outcome, ready = std::move(ready)](auto found) {
                     *outcome = std::move(found);
                     ready();
                   });
                 },
                 [outcome, noun] { return FoundResponse(query::FoundIn(std::move(*outcome)), noun); }};
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
