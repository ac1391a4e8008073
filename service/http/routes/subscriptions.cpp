// GET /api/v1/subscriptions, /api/v1/subscriptions/{id} and /api/v1/subscriptions/{id}/history.
#include "service/http/routes/reading.h"
#include "service/query/subscription_history.h"
#include "service/query/subscriptions_query.h"

namespace billhook::http {
namespace {

constexpr const char* kProjection = "subscriptions";
constexpr const char* kNoun = "subscription";

Response List(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kSubscriptionKeyParts);
  auto filter = ScopedFilter<query::SubscriptionFilter>(call);
  filter.status = call.query.Text("status");
  filter.customer = call.query.Text("customer");
  filter.price = call.query.Text("price");
  const std::optional<query::AsOf> as_of = AsOfOf(call);
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  return ListResponse(as_of ? query::ListSubscriptionsAsOf(services.database, filter, *as_of, page)
                            : query::ListSubscriptions(services.database, filter, page));
}

Reply Get(Call& call, Services& services) {
  const std::string& id = call.path_parameters[0];
  auto filter = ScopedFilter<query::SubscriptionFilter>(call);
  const std::optional<query::AsOf> as_of = AsOfOf(call);
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  if (as_of)
    return FoundResponse(query::OnlyOneOf(query::FindSubscriptionAsOf(services.database, id, filter, *as_of)),
                         kNoun);
  if (std::optional<query::ObjectName> name = query::NameOf(filter, id))
    return FindReply(services.subscriptions, *std::move(name), kNoun);
  return FoundResponse(query::FindSubscription(services.subscriptions, id, filter), kNoun);
}

Response History(Call& call, Services& services) {
  const query::PageRequest page = PageRequestOf(call, query::kHistoryKeyParts, KeyStart::kNumber);
  auto filter = ScopedFilter<query::SubscriptionFilter>(call);
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  const query::SubscriptionHistory history =
      query::ReadHistory(services.database, call.path_parameters[0], filter, page);
  if (history.subscriptions != 1) return NotOne(kNoun, history.subscriptions);
  return ListResponse(history.page);
}

}  // namespace

void AddSubscriptionRoutes(Api& api, Services& services) {
  api.Add(
      {"GET", "/api/v1/subscriptions", Role::kReader,
       ListParameters({"status", "customer", "price", "livemode", "account", "as_of", "time_axis", "branch"}),
       [&services](Call& call) { return List(call, services); }});
  api.Add({"GET", "/api/v1/subscriptions/{id}", Role::kReader,
           ReadParameters({"livemode", "account", "as_of", "time_axis", "branch"}),
           [&services](Call& call) { return Get(call, services); }});
  api.Add({"GET", "/api/v1/subscriptions/{id}/history", Role::kReader,
           ListParameters({"livemode", "account", "branch"}),
           [&services](Call& call) { return History(call, services); }});
}

}  // namespace billhook::http
