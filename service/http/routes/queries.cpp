// POST /api/v1/queries: the query bus.
#include <algorithm>
#include <chrono>

#include <nlohmann/json.hpp>

#include "service/bus/chain.h"
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

// A query on its way along the chain.
struct QueryOnItsWay {
  using Outcome = Response;
  static constexpr std::string_view kKind = "query";
  static constexpr std::string_view kData = "/filters";

  Call& call;
  Services& services;
  const QueryType* type = nullptr;
  Json filters = Json::object();
  std::optional<std::string> projection{};
  query::PageRequest page{};
  storage::Timeline timeline{};
  std::vector<InputFault> faults{};

  [[nodiscard]] Role role() const { return call.caller.role; }
  [[nodiscard]] const Json& data() const { return filters; }
  [[nodiscard]] Response Refuse(const Refusal& refusal) const { return RefusalResponse(refusal); }
};

// Its read models have reached what the caller has seen.
Response Fresh(QueryOnItsWay& query, const bus::Next<QueryOnItsWay>& next) {
  query.page = PageOf(query.call, *query.type);  // its faults are told before anybody waits
  const std::optional<Response> refusal =
      query.type->projections.empty()
          ? AwaitLogOn(query.call, query.services, query.timeline)
          : AwaitProjectionsOn(query.call, query.services, query.type->projections, query.timeline);
  return refusal ? *refusal : next();
}

Response Answered(QueryOnItsWay& query, const bus::Next<QueryOnItsWay>&) {
  const QueryType& type = *query.type;
  const auto started = std::chrono::steady_clock::now();
  const auto answer = type.handler({query.services.database, query.services.subscriptions,
                                    query.call.caller.tenant, query.filters, query.page, query.timeline});
  query.services.metrics.ObserveQuery(type.name, std::chrono::steady_clock::now() - started);
  if (!answer) return query.Refuse(answer.error());
  if (!query.projection && !type.projections.empty()) query.projection = type.projections.front();
  return ReadModelResponse(BodyOf(type, query.projection, *answer), answer->position);
}

constexpr bus::Step<QueryOnItsWay> kChain[] = {&bus::Known<QueryOnItsWay>, &bus::Authorised<QueryOnItsWay>,
                                               &bus::Validated<QueryOnItsWay>, &Fresh, &Answered};

Response Ask(Call& call, Services& services) {
  Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return body.error();
  std::vector<InputError> errors;
  ObjectReader reader(*body, "", errors);
  reader.RefuseUnknown({"query_type", "filters", "projection"});
  QueryOnItsWay query{call, services};
  const std::optional<std::string> name = reader.Identifier("query_type", true);
  query.projection = reader.Identifier("projection", false);
  if (reader.Object("filters", false) != nullptr) query.filters = std::move(body->at("filters"));
  if (!name) return Problem(422, "query_invalid", "The query is invalid.", errors);
  query.type = queries::FindQueryType(*name);
  if (query.type != nullptr && query.projection && !IsNameOf(*query.type, *query.projection))
    reader.Fault("projection", "Is not what this query reads; leave it out.");
  query.faults = std::move(errors);
  return bus::Pass<QueryOnItsWay>(query, kChain);
}

}  // namespace

void AddQueryRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/queries", Role::kReader, ListParameters({"branch"}),
           [&services](Call& call) { return Ask(call, services); }});
}

}  // namespace billhook::http
