// GET /api/v1/dead-letters, POST /api/v1/dead-letters/retry, POST /api/v1/dead-letters/{id}/retry, DELETE
// /api/v1/dead-letters/{id}.
#include <nlohmann/json.hpp>

#include "service/http/routes/reading.h"
#include "service/http/routes/writing.h"
#include "service/query/dead_letters_query.h"

namespace billhook::http {
namespace {

Response NotFound() {
  return Problem(404, "not_found", "There is no such dead letter. GET /api/v1/dead-letters lists them.");
}

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kDeadLetterKeyParts, KeyStart::kNumber);
  if (std::optional<Response> refusal = AwaitAllProjections(call, services)) return *refusal;
  Response response;
  response.body = query::ListBody(
      query::ListDeadLetters(services.database, call.caller.tenant, call.query.Text("projection"), page));
  return response;
}

Response Retry(Call& call, Services& services) {
  if (std::optional<Response> refusal = RefuseBody(call)) return *std::move(refusal);
  const std::optional<query::DeadLetterId> id = query::ParseDeadLetterId(call.path_parameters[0]);
  const Projection* projection = id ? services.projector.Find(id->projection) : nullptr;
  if (projection == nullptr) return NotFound();
  const std::string canonical = id->projection + ":" + std::to_string(id->position);
  switch (services.projector.RetryDeadLetter(*projection, call.caller.tenant, id->position)) {
    case storage::Retry::kNotFound:
      return NotFound();
    case storage::Retry::kSuperseded:
      return Problem(409, "rebuild_under_way",
                     "Another version of the projection is being built; it tries every event by itself.");
    case storage::Retry::kApplied: {
      Response response;
      response.body = R"({"id":")" + canonical + R"(","applied":true})";
      return response;
    }
    case storage::Retry::kFailedAgain:
      break;
  }
  const std::optional<std::string> letter = query::FindDeadLetter(services.database, call.caller.tenant, *id);
  if (!letter) return NotFound();
  Response response;
  response.body = R"({"id":")" + canonical + R"(","applied":false,"dead_letter":)" + *letter + "}";
  return response;
}

// Those of one projection (?projection=) or all, a bounded number a call.
Response RetryMany(Call& call, Services& services) {
  if (std::optional<Response> refusal = RefuseBody(call)) return *std::move(refusal);
  const query::PageRequest page = PageRequestOf(call, query::kDeadLetterKeyParts, KeyStart::kNumber);
  const std::optional<std::string> projection = call.query.Text("projection");
  if (!call.query.errors().empty()) return Problem(422, "invalid_parameter", "");
  if (projection && services.projector.Find(*projection) == nullptr)
    return Problem(422, "invalid_parameter", "",
                   {{"projection", "Is none. GET /api/v1/projections lists them."}});
  storage::DeadLetterPlace after;
  if (!page.after.empty()) after = {std::stoll(page.after[0]), page.after[1]};
  const Projector::Retried retried =
      services.projector.RetryDeadLetters(call.caller.tenant, projection, after);
  nlohmann::ordered_json body = {{"object", "dead_letter_retry"},
                                 {"applied", retried.applied},
                                 {"failed", retried.failed},
                                 {"has_more", retried.next.has_value()},
                                 {"next_cursor", nullptr}};
  if (retried.next)
    body["next_cursor"] =
        query::EncodeCursor({std::to_string(retried.next->position), retried.next->projection});
  Response response;
  response.body = body.dump();
  return response;
}

Response Remove(Call& call, Services& services) {
  if (std::optional<Response> refusal = RefuseBody(call)) return *std::move(refusal);
  const std::optional<query::DeadLetterId> id = query::ParseDeadLetterId(call.path_parameters[0]);
  if (!id || !services.read_models.RemoveDeadLetter(id->projection, call.caller.tenant, id->position))
    return NotFound();
  Response response;
  response.status = 204;
  return response;
}

}  // namespace

void AddDeadLetterRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/dead-letters", Role::kOperator, ListParameters({"projection"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"POST",
           "/api/v1/dead-letters/retry",
           Role::kOperator,
           {"projection", "cursor"},
           [&services](Call& call) { return RetryMany(call, services); }});
  api.Add({"POST", "/api/v1/dead-letters/{id}/retry", Role::kOperator, {}, [&services](Call& call) {
             return Retry(call, services);
           }});
  api.Add({"DELETE", "/api/v1/dead-letters/{id}", Role::kOperator, {}, [&services](Call& call) {
             return Remove(call, services);
           }});
}

}  // namespace billhook::http
