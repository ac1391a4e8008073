#include "service/query/subscriptions_query.h"

#include "projections/subscriptions.h"
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
  if (filter.timeline.branch()) {
    const BranchObjects objects = SubscriptionsOnBranch(filter, live, std::nullopt);
    const auto wanted = [&filter](const Row& row) { return IsWanted(filter, row); };
    return id ? FindObjects(*session, objects, *id, wanted) : ListObjects(*session, objects, wanted, request);
  }
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

BranchObjects SubscriptionsOnBranch(const SubscriptionFilter& filter, const LiveModel& live,
                                    const std::optional<AsOf>& as_of) {
  static const Subscriptions kProjection;
  return {kProjection, Subscriptions::kTable, "subscription", live, filter.tenant, filter.timeline, as_of};
}

bool IsWanted(const SubscriptionFilter& filter, const Row& row) {
  const Table& table = Subscriptions::kTable;
  if (filter.price) {
    const std::string& prices = std::get<std::string>(row[table.IndexOf("prices")]);
    if (prices.find("\x1f" + *filter.price + "\x1f") == std::string::npos) return false;
  }
  return Has(table, row, "status", filter.status) && Has(table, row, "customer", filter.customer) &&
         Has(table, row, "livemode", filter.livemode) && Has(table, row, "account", filter.account);
}

Page ListSubscriptions(storage::Database& database, const SubscriptionFilter& filter,
                       const PageRequest& request) {
  return Read(database, filter, std::nullopt, request);
}

std::optional<ObjectName> NameOf(const SubscriptionFilter& filter, const std::string& id) {
  if (filter.timeline.branch() || filter.account || filter.livemode) return std::nullopt;
  return ObjectName{filter.tenant, id};
}

Found FindSubscription(ObjectFinder& subscriptions, const std::string& id, const SubscriptionFilter& filter) {
  if (std::optional<ObjectName> name = NameOf(filter, id)) return subscriptions.Find(*std::move(name));
  return OnlyOneOf(Read(subscriptions.database(), filter, id, {kMaxHomonyms, {}}));
}

}  // namespace billhook::query
