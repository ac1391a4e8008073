// GET /api/v1/events, /api/v1/events/{aggregate_id} and /api/v1/statistics: the log as it is.
#include <limits>

#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();

// The log shows what is committed at once: min_position can only lie in the future of all writers.
std::optional<Response> AwaitLog(Call& call, Services& services) {
  const auto min_position = call.query.Integer("min_position", 0, kMaxNumber);
  call.query.Integer("wait_ms", 0, 30'000);
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  if (!min_position || services.log.LatestPosition() >= *min_position) return std::nullopt;
  return Unavailable("projection_behind", "The log has not reached min_position yet.");
}

Response JsonResponse(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Response ListAll(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kEventKeyParts, KeyStart::kNumber);
  query::EventFilter filter;
  filter.tenant = call.caller.tenant;
  filter.after_position = call.query.Integer("after_position", 0, kMaxNumber);
  filter.aggregate_type = call.query.Text("aggregate_type");
  filter.event_type = call.query.Text("event_type");
  filter.source = call.query.Text("source");
  if (filter.source && !SourceNamed(*filter.source))
    call.query.Fault("source", "Must be stripe, command, saga or api.");
  filter.caused_by = call.query.Text("caused_by");
  filter.from = call.query.Time("from");
  filter.to = call.query.Time("to");
  const std::string axis = call.query.Text("time_axis").value_or("occurred");
  if (axis != "occurred" && axis != "recorded")
    call.query.Fault("time_axis", "Must be occurred or recorded.");
  filter.axis = axis == "recorded" ? query::TimeAxis::kRecorded : query::TimeAxis::kOccurred;
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  return JsonResponse(query::ListBody(query::ListEvents(services.database, filter, page)));
}

Response ListOne(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kEventKeyParts, KeyStart::kNumber);
  query::StreamFilter filter;
  filter.tenant = call.caller.tenant;
  filter.aggregate_id = call.path_parameters[0];
  filter.from_version = call.query.Integer("from_version", 0, kMaxNumber).value_or(1);
  filter.to_version = call.query.Integer("to_version", 0, kMaxNumber);
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const std::vector<std::string> types =
      query::TypesOf(services.database, filter.tenant, filter.aggregate_id);
  const std::optional<std::string> wanted = call.query.Text("aggregate_type");
  if (!wanted && types.size() > 1) {
    return Problem(422, "aggregate_ambiguous",
                   "This ID stands under several aggregate types: name aggregate_type.",
                   {{"?aggregate_type", "Is needed for this ID."}});
  }
  const bool known = wanted ? std::find(types.begin(), types.end(), *wanted) != types.end() : !types.empty();
  if (!known) return Problem(404, "not_found", "There is no such stream.");
  filter.aggregate_type = wanted.value_or(types.front());
  return JsonResponse(query::ListBody(query::ListStream(services.database, filter, page)));
}

Response Statistics(Call& call, Services& services) {
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const query::Statistics statistics = query::StatisticsOf(services.database, call.caller.tenant);
  const nlohmann::ordered_json body = {{"total_events", statistics.total},
                                       {"events_by_type", statistics.by_event_type},
                                       {"events_by_aggregate_type", statistics.by_aggregate_type},
                                       {"latest_position", statistics.latest_position}};
  return ReadModelResponse(body.dump(), statistics.latest_position);
}

}  // namespace

void AddEventRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/events", Role::kReader,
           ListParameters({"after_position", "aggregate_type", "event_type", "source", "caused_by", "from",
                           "to", "time_axis"}),
           [&services](Call& call) { return ListAll(call, services); }});
  api.Add({"GET", "/api/v1/events/{aggregate_id}", Role::kReader,
           ListParameters({"aggregate_type", "from_version", "to_version"}),
           [&services](Call& call) { return ListOne(call, services); }});
  api.Add({"GET", "/api/v1/statistics", Role::kReader, ReadParameters({}),
           [&services](Call& call) { return Statistics(call, services); }});
}

}  // namespace billhook::http
