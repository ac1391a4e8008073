// A subscription's past, told by the log: what each of its events said, and what was true, or known, of all
// subscriptions at a moment. Thread safe; throws StorageError.
#pragma once

#include <string>

#include "service/query/as_of.h"
#include "service/query/page.h"
#include "service/query/subscriptions_query.h"
#include "service/storage/sql.h"

namespace billhook::query {

struct SubscriptionHistory {
  std::size_t subscriptions = 0;  // with this ID: 0, 1, or 2 for several; only of one a page is read
  Page page;
};

// Every usable event about the subscription, from the oldest to the newest by the rules of newest.h, each
// with the subscription as it tells it. Deletion is final: from its moment on the subscription is canceled.
// The cursor's key is the last event's second, phase and ID.
constexpr std::size_t kHistoryKeyParts = 3;
SubscriptionHistory ReadHistory(storage::Database& database, const std::string& id,
                                const SubscriptionFilter& filter, const PageRequest& request);

// The pages of ListSubscriptions as they would be if only the events up to `as_of` had ever come. A page
// looks at kMaxLookedAt subscriptions at most: it may end early, with a cursor to go on with.
constexpr std::size_t kMaxLookedAt = 2'000;
Page ListSubscriptionsAsOf(storage::Database& database, const SubscriptionFilter& filter, const AsOf& as_of,
                           const PageRequest& request);

// FindSubscription in the same way.
Page FindSubscriptionAsOf(storage::Database& database, const std::string& id,
                          const SubscriptionFilter& filter, const AsOf& as_of);

}  // namespace billhook::query
