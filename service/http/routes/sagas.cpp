// POST /api/v1/sagas, GET /api/v1/sagas and /api/v1/sagas/{id}.
#include "projections/sagas.h"

#include "service/commands/repository.h"
#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/events_query.h"
#include "service/query/sagas_query.h"

namespace billhook::http {
namespace {

struct Wanted {
  const sagas::RegisteredType* type = nullptr;
  Json data;
};

// What the body asks for, or the refusal.
Result<Wanted, Response> ReadWanted(Call& call) {
  Result<Json, Response> body = ReadJsonObject(call);
  if (!body) return Unexpected(body.error());
  std::vector<InputError> errors;
  ObjectReader reader(*body, "", errors);
  reader.RefuseUnknown({"saga_type", "data"});
  const std::optional<std::string> name = reader.Identifier("saga_type", true);
  const Json* data = reader.Object("data", true);
  const sagas::RegisteredType* type = name ? sagas::FindSagaType(*name) : nullptr;
  if (name && type == nullptr)
    return Unexpected(Problem(422, "saga_type_unknown", "There is no such saga type."));
  if (type != nullptr && type->schema == nullptr) {
    return Unexpected(Problem(422, "saga_starts_by_itself",
                              "Sagas of this type start by themselves, when events ask for it."));
  }
  if (type != nullptr && call.caller.role < type->role)
    return Unexpected(
        Problem(403, "role_too_low", "This needs the role " + std::string(NameOf(type->role)) + "."));
  if (type != nullptr && data != nullptr) {
    for (InputFault& fault : type->schema->Check(*data, "/data")) errors.push_back(std::move(fault));
  }
  if (!errors.empty()) return Unexpected(Problem(422, "saga_invalid", "The saga is invalid.", errors));
  return Wanted{type, std::move(body->at("data"))};
}

Response Refused(const sagas::Runtime::Refusal& refusal) {
  if (const auto* invalid = std::get_if<CommandRefusal>(&refusal)) {
    return Problem(422, invalid->code, "The saga is invalid.",
                   {{"/data" + invalid->pointer, invalid->detail}});
  }
  if (const auto* storage = std::get_if<ingest::Refusal>(&refusal)) return NotRecorded(*storage);
  return Problem(409, "idempotency_key_reused", "This Idempotency-Key came with another saga before.");
}

Response Begin(Call& call, Services& services) {
  const Result<std::optional<std::string>, Response> key = IdempotencyKeyOf(call.request);
  if (!key) return key.error();
  const Result<Wanted, Response> wanted = ReadWanted(call);
  if (!wanted) return wanted.error();
  const sagas::SagaKey saga = {
      call.caller.tenant,
      *key ? sagas::DerivedId({"Idempotency-Key", call.caller.tenant, call.caller.name, **key})
           : NewUuidV7(services.clock())};
  const Result<sagas::Runtime::Begun, sagas::Runtime::Refusal> begun =
      services.sagas.Begin(saga, *wanted->type->machine, wanted->data);
  if (!begun) return Refused(begun.error());
  const std::string position =
      std::to_string(begun->position ? *begun->position : query::LatestPosition(services.database));
  Response response;
  response.status = 202;
  response.body = SagaBody(saga.id, begun->state);
  response.body.back() = ',';
  response.body += "\"position\":" + position + "}";
  response.headers.emplace_back("X-Position", position);
  response.headers.emplace_back("Location", "/api/v1/sagas/" + saga.id);
  return response;
}

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kSagaKeyParts);
  query::SagaFilter filter{call.caller.tenant, call.query.Text("saga_type"), call.query.Text("status")};
  if (filter.saga_type && sagas::FindSagaType(*filter.saga_type) == nullptr)
    call.query.Fault("saga_type", "Must be a saga type, for example TransferMoney.");
  if (filter.status && !sagas::StatusNamed(*filter.status)) {
    call.query.Fault("status", "Must be running, waiting, completed, compensating, compensated or failed.");
  }
  if (std::optional<Response> refusal = AwaitProjection(call, services, "sagas")) return *refusal;
  return ListResponse(query::ListSagas(services.database, filter, page));
}

// Read from the saga's own stream, so that whoever started it finds it at once.
Response Show(Call& call, Services& services) {
  if (std::optional<Response> refusal = AwaitLog(call, services)) return *refusal;
  const std::string& id = call.path_parameters[0];
  const commands::Aggregate saga =
      commands::Load(services.database, call.caller.tenant, std::string(sagas::kAggregateType), id);
  if (saga.state.is_null()) return Problem(404, "not_found", "There is no such saga.");
  Response response;
  response.body = SagaBody(id, saga.state);
  return response;
}

}  // namespace

void AddSagaRoutes(Api& api, Services& services) {
  api.Add({"POST", "/api/v1/sagas", Role::kOperator, {}, [&services](Call& call) {
             return Begin(call, services);
           }});
  api.Add({"GET", "/api/v1/sagas", Role::kOperator, ListParameters({"saga_type", "status"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/sagas/{id}", Role::kOperator, ReadParameters({}),
           [&services](Call& call) { return Show(call, services); }});
}

}  // namespace billhook::http
