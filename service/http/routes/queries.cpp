// POST /api/v1/queries: the query bus.
#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/queries/query_type.h"

namespace billhook::http {
namespace {

using queries::QueryType;

// Whether the caller may call the type's read model by that name.
bool IsNameOf(const QueryType& type, const std::string& projection) {
  if (!type.projections.empty() && projection == type.projections.front()) return true;
  return type.name == "ListActiveSubscriptions" && projection == "active_subscriptions";
}

query::PageRequest PageOf(Call& call, const QueryType& type) {
  if (type.key_parts > 0)
    return PageRequestOf(call, type.key_parts, type.key_is_a_number ? KeyStart::kNumber : KeyStart::kText);
  for (const char* name : {"limit", "cursor"}) {
    if (call.query.Text(name)) call.query.Fault(name, "The answer of this query is no list.");
  }
  return {};
}

std::string BodyOf(const QueryType& type, const std::optional<std::string>& projection,
                   const queries::QueryAnswer& answer) {
  const auto quoted = [](std::string_view text) { return nlohmann::json(text).dump(); };
  std::string body = R"({"query_type":)" + quoted(type.name) + R"(,"projection":)" +
                     (projection ? quoted(*projection) : "null") + R"(,"data":)" + answer.data +
                     R"(,"position":)" + std::to_string(answer.position);
  if (type.key_parts == 0) return body + "}";
  return body + (answer.has_more
                     ? R"(,"has_more":true,"next_cursor":)" + quoted(query::EncodeCursor(answer.last)) + "}"
                     : R"(,"has_more":false,"next_cursor":null})");
}

Response Answer(Call& call, Services& services) {
  const Result<Json, Response> body = ReadJsonObject(call.request);
  if (!body) return body.error();
  std::vector<InputError> errors;
  ObjectReader reader(*body, "", errors);
  reader.RefuseUnknown({"query_type", "filters", "projection"});
  const std::optional<std::string> name = reader.Identifier("query_type", true);
  std::optional<std::string> projection = reader.Identifier("projection", false);
  const Json* given = reader.Object("filters", false);
  const Json filters = given == nullptr ? Json::object() : *given;
  const QueryType* type = name ? queries::FindQueryType(*name) : nullptr;
  if (name && type == nullptr) return Problem(422, "query_type_unknown", "There is no such query type.");
  if (type != nullptr) {
    if (projection && !IsNameOf(*type, *projection))
      reader.Fault("projection", "Is not what this query reads; leave it out.");
    for (const InputFault& fault : type->filters->Check(filters, "/filters"))
      errors.push_back({fault.pointer, fault.detail});
  }
  if (!errors.empty()) return Problem(422, "query_invalid", "The query is invalid.", errors);
  if (call.caller.role < type->role)
    return Problem(403, "role_too_low", "This needs the role " + std::string(NameOf(type->role)) + ".");
  const query::PageRequest page = PageOf(call, *type);
  const std::optional<Response> refusal = type->projections.empty()
                                              ? AwaitLog(call, services)
                                              : AwaitProjections(call, services, type->projections);
  if (refusal) return *refusal;
  const auto started = std::chrono::steady_clock::now();
  const auto answer = type->handler({services.database, call.caller.tenant, filters, page});
  services.metrics.ObserveQuery(type->name, std::chrono::steady_clock::now() - started);
  if (!answer) return Problem(answer.error().status, answer.error().code, answer.error().detail);
  if (!projection && !type->projections.empty()) projection = type->projections.front();
  return ReadModelResponse(BodyOf(*type, projection, *answer), answer->position);
}

}  // namespace

void AddQueryRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/queries", Role::kReader, ListParameters({}),
           [&services](Call& call) { return Answer(call, services); }});
}

}  // namespace billhook::http
