// GET /api/v1/subscriptions and /api/v1/subscriptions/{id}.
#include "service/http/routes/reading.h"
#include "service/query/subscriptions_query.h"

namespace billhook::http {
namespace {

constexpr const char* kProjection = "subscriptions";

query::SubscriptionFilter ScopeOf(Call& call) {
  query::SubscriptionFilter filter;
  filter.tenant = call.caller.tenant;
  filter.livemode = call.query.Boolean("livemode");
  filter.account = call.query.Text("account");
  return filter;
}

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kSubscriptionKeyParts);
  query::SubscriptionFilter filter = ScopeOf(call);
  filter.status = call.query.Text("status");
  filter.customer = call.query.Text("customer");
  filter.price = call.query.Text("price");
  if (std::optional<Response> refusal = AwaitProjection(call, services, kProjection)) return *refusal;
  return ListResponse(query::ListSubscriptions(services.database, filter, page));
}

Response Get(Call& call, Services& services) {
  const query::SubscriptionFilter filter = ScopeOf(call);
  if (std::optional<Response> refusal = AwaitProjection(call, services, kProjection)) return *refusal;
  query::Page found = query::FindSubscription(services.database, call.path_parameters[0], filter);
  if (found.rows.empty()) return Problem(404, "not_found", "There is no such subscription.");
  if (found.rows.size() > 1) {
    return Problem(422, "subscription_ambiguous",
                   "This ID stands under several accounts or livemodes: name account or livemode.");
  }
  return ReadModelResponse(std::move(found.rows.front()), found.position);
}

}  // namespace

void AddSubscriptionRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/subscriptions", Role::kReader,
           ListParameters({"status", "customer", "price", "livemode", "account"}),
           [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/subscriptions/{id}", Role::kReader, ReadParameters({"livemode", "account"}),
           [&services](Call& call) { return Get(call, services); }});
}

}  // namespace billhook::http
