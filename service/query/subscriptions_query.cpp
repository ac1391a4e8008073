#include "service/query/subscriptions_query.h"

#include "service/query/where.h"

namespace billhook::query {
namespace {

constexpr const char* kSubscriptionsTable = "subscriptions";

Page Read(storage::Database& database, const SubscriptionFilter& filter, const std::optional<std::string>& id,
          const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, kSubscriptionsTable);
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.EqualIf("id", id);
  where.EqualIf("status", filter.status);
  where.EqualIf("customer", filter.customer);
  where.EqualIf("account", filter.account);
  if (filter.livemode) where.Equal("livemode", std::int64_t{*filter.livemode});
  if (filter.price)
    where.And("replace(prices, " + where.Bind("\x1f" + *filter.price + "\x1f") + ", '') <> prices");
  return ReadRows(*session, kSubscriptionsTable, where, request, live.position);
}

}  // namespace

Page ListSubscriptions(storage::Database& database, const SubscriptionFilter& filter,
                       const PageRequest& request) {
  return Read(database, filter, std::nullopt, request);
}

Page FindSubscription(storage::Database& database, const std::string& id, const SubscriptionFilter& filter) {
  return Read(database, filter, id, {kMaxHomonyms, {}});
}

}  // namespace billhook::query
