// POST /api/v1/commands, GET /api/v1/commands and /api/v1/commands/{id}: the command bus and its audit log.
#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/events_query.h"

namespace billhook::http {
namespace {

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump();
}

std::string EventsText(const std::vector<RecordedEvent>& events) {
  std::string text = "[";
  for (const RecordedEvent& event : events)
    text.append(text.size() == 1 ? "" : ",").append(query::EventBody(event));
  return text + "]";
}

Response RefusalOf(const std::string& command_id, const Refusal& refusal) {
  Response response = RefusalResponse(refusal);
  if (command_id.empty()) return response;
  nlohmann::ordered_json body = nlohmann::ordered_json::parse(response.body);
  body["command_id"] = command_id;
  response.body = body.dump();
  return response;
}

Response AnswerResponse(const commands::Answer& answer) {
  if (const auto* refusal = std::get_if<Refusal>(&answer.outcome))
    return RefusalOf(answer.command_id, *refusal);
  Response response;
  response.body = R"({"status":"ok","command_id":)" + Quoted(answer.command_id) + R"(,"result":)" +
                  std::get<Json>(answer.outcome).dump() + R"(,"events":)" + EventsText(answer.events) +
                  R"(,"position":)" + std::to_string(answer.position) + "}";
  response.headers.emplace_back("X-Position", std::to_string(answer.position));
  return response;
}

Response Issue(Call& call, Services& services) {
  Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  const Result<std::optional<std::string>, Response> key = IdempotencyKeyOf(call.request);
  if (!key) return key.error();
  std::vector<InputError> errors;
  ObjectReader reader(*body, "", errors);
  reader.RefuseUnknown({"command_type", "aggregate_id", "data", "expected_version", "metadata"});
  commands::Command command;
  command.type = reader.Identifier("command_type", true).value_or("");
  command.aggregate_id = reader.Identifier("aggregate_id", false);
  command.expected_version = reader.Integer("expected_version", 0);
  reader.Object("data", true);
  const bool has_metadata = reader.Object("metadata", false) != nullptr;
  if (!errors.empty()) return Problem(422, "command_invalid", "The command is invalid.", errors);
  command.data = std::move(body->at("data"));
  if (has_metadata) command.metadata = std::move(body->at("metadata"));
  const commands::Issuer issuer{call.caller.tenant, call.caller.name, call.caller.role, call.request_id};
  return AnswerResponse(services.commands.Execute(std::move(command), issuer, *key));
}

std::string BodyOf(const commands::CommandEntry& entry, const std::vector<RecordedEvent>& events) {
  const auto or_null = [](const std::optional<std::string>& json) { return json ? *json : "null"; };
  const nlohmann::ordered_json duration =
      entry.duration_us ? nlohmann::ordered_json(static_cast<double>(*entry.duration_us) / 1000) : nullptr;
  return R"({"command_id":)" + Quoted(entry.command_id) + R"(,"command_type":)" + Quoted(entry.command_type) +
         R"(,"aggregate_id":)" + (entry.aggregate_id ? Quoted(*entry.aggregate_id) : "null") +
         R"(,"status":)" + Quoted(entry.status) + R"(,"issued_by":)" + Quoted(entry.issued_by) +
         R"(,"data":)" + entry.data + R"(,"result":)" + or_null(entry.result) + R"(,"error":)" +
         or_null(entry.error) + R"(,"events":)" + EventsText(events) + R"(,"created_at":)" +
         Quoted(FormatRfc3339(entry.created_at)) + R"(,"duration_ms":)" + duration.dump() + "}";
}

Response List(Call& call, Services& services) {
  const query::PageRequest request = PageRequestOf(call, commands::CommandLog::kKeyParts);
  commands::CommandFilter filter;
  filter.tenant = call.caller.tenant;
  filter.command_type = call.query.Text("command_type");
  filter.aggregate_id = call.query.Text("aggregate_id");
  filter.status = call.query.Text("status");
  if (filter.status && *filter.status != "pending" && *filter.status != "ok" && *filter.status != "error")
    call.query.Fault("status", "Must be pending, ok or error.");
  filter.issued_by = call.query.Text("issued_by");
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  services.commands.CloseAbandoned();
  query::Page page;
  for (const commands::CommandEntry& entry : services.commands.log().List(filter, request)) {
    const std::vector<RecordedEvent> events = services.commands.EventsOf(entry.tenant, entry.command_id);
    if (!AddToPage(page, request, BodyOf(entry, events), {entry.command_id})) break;
  }
  Response response;
  response.body = query::ListBody(page);
  return response;
}

Response Show(Call& call, Services& services) {
  services.commands.CloseAbandoned();
  const std::optional<commands::CommandEntry> entry =
      services.commands.log().Find(call.caller.tenant, call.path_parameters[0]);
  if (!entry) return Problem(404, "not_found", "There is no such command.");
  Response response;
  response.body = BodyOf(*entry, services.commands.EventsOf(entry->tenant, entry->command_id));
  return response;
}

}  // namespace

void AddCommandRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/commands", Role::kOperator, {}, [&services](Call& call) {
             return Issue(call, services);
           }});
  api.Add({"GET",
           "/api/v1/commands",
           Role::kOperator,
           {"limit", "cursor", "command_type", "aggregate_id", "status", "issued_by"},
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/commands/{id}", Role::kOperator, {}, [&services](Call& call) {
             return Show(call, services);
           }});
}

}  // namespace billhook::http
