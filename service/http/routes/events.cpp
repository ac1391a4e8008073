// GET /api/v1/events, /api/v1/events/{aggregate_id} and /api/v1/statistics: the log as it is. POST
// /api/v1/events: what an admin adds to it.
#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "domain/aggregates.h"
#include "domain/json_text.h"
#include "domain/upcast.h"
#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

constexpr std::int64_t kMaxNumber = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t kMaxPostedEvents = 1'000;

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
  Result<std::string, Response> type = AggregateTypeOf(services, filter.tenant, filter.aggregate_id,
                                                       call.query.Text("aggregate_type"), "?aggregate_type");
  if (!type) return type.error();
  filter.aggregate_type = *std::move(type);
  return JsonResponse(query::ListBody(query::ListStream(services.database, filter, page)));
}

Response Statistics(Call& call, Services& services) {
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const query::Statistics statistics = query::StatisticsOf(services.database, call.caller.tenant);
  return ReadModelResponse(query::StatisticsBody(statistics), statistics.latest_position);
}

// One event as posted; its payload is still to come.
Append AppendFrom(const Json& posted, const std::string& pointer, const Caller& caller, UnixMicros now,
                  std::vector<InputError>& errors) {
  ObjectReader reader(posted, pointer, errors);
  reader.RefuseUnknown({"aggregate_type", "aggregate_id", "event_type", "data", "metadata", "caused_by",
                        "occurred_at", "expected_version", "schema_version"});
  Append append;
  Event& event = append.event;
  event.id = NewUuidV7(now);
  event.tenant = caller.tenant;
  event.source = Source::kApi;
  event.aggregate_type = reader.Identifier("aggregate_type", true).value_or("");
  event.aggregate_id = reader.Identifier("aggregate_id", true).value_or("");
  event.event_type = reader.Identifier("event_type", true).value_or("");
  // Callers count the versions of their own types; of ours each version is known.
  const std::int64_t newest = HasRules(event.aggregate_type)
                                  ? SchemaVersionOf(event.aggregate_type, event.event_type)
                                  : std::numeric_limits<int>::max();
  const std::int64_t version = reader.Integer("schema_version", 1).value_or(1);
  if (version > newest) reader.Fault("schema_version", "Must be at most " + std::to_string(newest) + ".");
  event.schema_version = static_cast<int>(std::min(version, newest));
  reader.Object("data", true);
  if (const Json* metadata = reader.Object("metadata", false)) event.metadata = metadata->dump();
  event.caused_by = reader.Identifier("caused_by", false);
  event.occurred_at = reader.Time("occurred_at").value_or(now);
  append.expected_version = reader.Integer("expected_version", 0).value_or(kAnyVersion);
  return append;
}

Result<AppendRequest, std::vector<InputError>> PostedEvents(const Json& body, std::string_view text,
                                                            const Caller& caller, UnixMicros now) {
  std::vector<InputError> errors;
  AppendRequest request;
  const bool several = body.contains("events");
  if (!several) {
    request.push_back(AppendFrom(body, "", caller, now, errors));
  } else {
    ObjectReader(body, "", errors).RefuseUnknown({"events"});
    const Json& events = body.at("events");
    if (!events.is_array() || events.empty() || events.size() > kMaxPostedEvents) {
      errors.push_back(
          {"/events", "Must be an array of 1 to " + std::to_string(kMaxPostedEvents) + " events."});
      return Unexpected(std::move(errors));
    }
    for (std::size_t i = 0; i < events.size(); ++i) {
      const std::string pointer = "/events/" + std::to_string(i);
      if (events[i].is_object()) {
        request.push_back(AppendFrom(events[i], pointer, caller, now, errors));
      } else {
        errors.push_back({pointer, "Must be an object."});
      }
    }
  }
  if (!errors.empty()) return Unexpected(std::move(errors));
  // The payload is the text that was sent: not a number or blank of it changes.
  const std::vector<std::string_view> payloads = ValuesUnder(text, "data", several ? 3 : 1);
  BILLHOOK_CHECK(payloads.size() == request.size());
  for (std::size_t i = 0; i < request.size(); ++i) {
    request[i].event.payload = payloads[i];
    request[i].content = ContentDigest(request[i].event);
  }
  return request;
}

Response Post(Call& call, Services& services) {
  const Result<Json, Response> body = ReadJsonObject(call.request);
  if (!body) return body.error();
  Result<AppendRequest, std::vector<InputError>> request =
      PostedEvents(*body, call.request.body, call.caller, services.clock());
  if (!request) return Problem(422, "event_invalid", "The events are invalid.", request.error());
  const Result<AppendOutcome, ingest::Refusal> outcome = services.group_commit.Append(*std::move(request));
  if (!outcome) return NotRecorded(outcome.error());
  if (const auto* conflict = std::get_if<VersionConflict>(&*outcome)) {
    return Problem(409, "version_conflict",
                   "The stream of " + conflict->aggregate_id + " stands at version " +
                       std::to_string(conflict->actual_version) + ".");
  }
  const Recorded& recorded = std::get<Recorded>(*outcome);
  const std::int64_t position = recorded.positions.back();
  std::string events;
  for (const RecordedEvent& event :
       query::ReadRange(services.database, recorded.positions.front(), position)) {
    events.append(events.empty() ? "" : ",").append(query::EventBody(event));
  }
  Response response =
      JsonResponse(R"({"events":[)" + events + R"(],"position":)" + std::to_string(position) + "}");
  response.status = 201;
  response.headers.emplace_back("X-Position", std::to_string(position));
  return response;
}

}  // namespace

void AddEventRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/events", Role::kReader,
           ListParameters({"after_position", "aggregate_type", "event_type", "source", "caused_by", "from",
                           "to", "time_axis"}),
           [&services](Call& call) { return ListAll(call, services); }});
  api.Add(
      {"POST", "/api/v1/events", Role::kAdmin, {}, [&services](Call& call) { return Post(call, services); }});
  api.Add({"GET", "/api/v1/events/{aggregate_id}", Role::kReader,
           ListParameters({"aggregate_type", "from_version", "to_version"}),
           [&services](Call& call) { return ListOne(call, services); }});
  api.Add({"GET", "/api/v1/statistics", Role::kReader, ReadParameters({}),
           [&services](Call& call) { return Statistics(call, services); }});
}

}  // namespace billhook::http
