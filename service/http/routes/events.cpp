// GET /api/v1/events, /api/v1/events/{aggregate_id} and /api/v1/statistics: the log as it is. POST
// /api/v1/events: what an admin adds to it.
#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "service/http/routes/posted_events.h"
#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();

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
  if (std::optional<Response> refusal = AwaitLogOn(call, services, filter.timeline)) return *refusal;
  return JsonResponse(query::ListBody(query::ListEvents(services.database, filter, page)));
}

Response ListOne(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kEventKeyParts, KeyStart::kNumber);
  query::StreamFilter filter;
  filter.tenant = call.caller.tenant;
  filter.aggregate_id = call.path_parameters[0];
  filter.from_version = call.query.Integer("from_version", 0, kMaxNumber).value_or(1);
  filter.to_version = call.query.Integer("to_version", 0, kMaxNumber);
  if (std::optional<Response> refusal = AwaitLogOn(call, services, filter.timeline)) return *refusal;
  Result<std::string, Response> type =
      AggregateTypeOf(services, filter.tenant, filter.aggregate_id, call.query.Text("aggregate_type"),
                      "?aggregate_type", filter.timeline);
  if (!type) return type.error();
  filter.aggregate_type = *std::move(type);
  return JsonResponse(query::ListBody(query::ListStream(services.database, filter, page)));
}

Response Statistics(Call& call, Services& services) {
  storage::Timeline timeline;
  if (std::optional<Response> refusal = AwaitLogOn(call, services, timeline)) return *refusal;
  const query::Statistics statistics = query::StatisticsOf(services.database, call.caller.tenant, timeline);
  return ReadModelResponse(query::StatisticsBody(statistics), statistics.latest_position);
}

Response Post(Call& call, Services& services) {
  const Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  Result<AppendRequest, std::vector<InputError>> request =
      PostedEvents(*body, call.request.body, call.caller, services.clock());
  if (!request) return Problem(422, "event_invalid", "The events are invalid.", request.error());
  const Result<AppendOutcome, ingest::Refusal> outcome = services.group_commit.Append(*std::move(request));
  if (!outcome) return NotRecorded(outcome.error());
  if (const auto* conflict = std::get_if<VersionConflict>(&*outcome))
    return VersionConflictProblem(*conflict);
  const Recorded& recorded = std::get<Recorded>(*outcome);
  const std::int64_t position = recorded.positions.back();
  return EventsRecorded(query::ReadRange(services.database, recorded.positions.front(), position), position);
}

}  // namespace

void AddEventRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/events", Role::kReader,
           ListParameters({"after_position", "aggregate_type", "event_type", "source", "caused_by", "from",
                           "to", "time_axis", "branch"}),
           [&services](Call& call) { return ListAll(call, services); }});
  api.Add(
      {"POST", "/api/v1/events", Role::kAdmin, {}, [&services](Call& call) { return Post(call, services); }});
  api.Add({"GET", "/api/v1/events/{aggregate_id}", Role::kReader,
           ListParameters({"aggregate_type", "from_version", "to_version", "branch"}),
           [&services](Call& call) { return ListOne(call, services); }});
  api.Add({"GET", "/api/v1/statistics", Role::kReader, ReadParameters({"branch"}),
           [&services](Call& call) { return Statistics(call, services); }});
}

}  // namespace billhook::http
