#include "service/http/routes/posted_events.h"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include "domain/aggregates.h"
#include "domain/check.h"
#include "domain/json_text.h"
#include "domain/stripe/envelope.h"
#include "domain/upcast.h"
#include "service/http/routes/writing.h"
#include "service/ingest/stripe_append.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

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

// The list under `key`, which is all that the body may hold; nothing, and a fault, if it is none.
const Json* EventList(const Json& body, const std::string& key, std::vector<InputError>& errors) {
  ObjectReader reader(body, "", errors);
  reader.RefuseUnknown({key});
  const Json& events = body.at(key);
  if (events.is_array() && !events.empty() && events.size() <= kMaxPostedEvents) return &events;
  reader.Fault(key, "Must be an array of 1 to " + std::to_string(kMaxPostedEvents) + " events.");
  return nullptr;
}

}  // namespace

Result<AppendRequest, std::vector<InputError>> PostedEvents(const Json& body, std::string_view text,
                                                            const Caller& caller, UnixMicros now) {
  std::vector<InputError> errors;
  AppendRequest request;
  const bool several = body.contains("events");
  if (!several) {
    request.push_back(AppendFrom(body, "", caller, now, errors));
  } else if (const Json* events = EventList(body, "events", errors)) {
    for (std::size_t i = 0; i < events->size(); ++i) {
      const std::string pointer = "/events/" + std::to_string(i);
      if ((*events)[i].is_object()) {
        request.push_back(AppendFrom((*events)[i], pointer, caller, now, errors));
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

Result<std::vector<AppendRequest>, std::vector<InputError>> PostedStripeEvents(const Json& body,
                                                                               std::string_view text,
                                                                               const Caller& caller,
                                                                               UnixMicros now) {
  constexpr const char* kKey = "stripe_events";
  std::vector<InputError> errors;
  std::vector<AppendRequest> requests;
  if (EventList(body, kKey, errors) == nullptr) return Unexpected(std::move(errors));
  for (std::string_view event : ElementsOf(ValuesUnder(text, kKey, 1).front())) {
    Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(event);
    if (!envelope) {
      errors.push_back({"/stripe_events/" + std::to_string(requests.size()), envelope.error()});
      requests.emplace_back();
      continue;
    }
    requests.push_back({ingest::StripeAppend(*std::move(envelope), event, caller.tenant, now)});
  }
  if (!errors.empty()) return Unexpected(std::move(errors));
  return requests;
}

Response EventsRecorded(const std::vector<RecordedEvent>& events, std::int64_t position,
                        const std::string& more) {
  Response response;
  response.status = 201;
  response.body = R"({"events":[)";
  for (std::size_t i = 0; i < events.size(); ++i)
    response.body.append(i > 0 ? "," : "").append(query::EventBody(events[i]));
  response.body += R"(],"position":)" + std::to_string(position) + more + "}";
  response.headers.emplace_back("X-Position", std::to_string(position));
  return response;
}

Response VersionConflictProblem(const VersionConflict& conflict) {
  return Problem(409, "version_conflict",
                 "The stream of " + conflict.aggregate_id + " stands at version " +
                     std::to_string(conflict.actual_version) + ".");
}

}  // namespace billhook::http
