// Reads of the read model `subscriptions`. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "service/query/as_of.h"
#include "service/query/branch_objects.h"
#include "service/query/object_finder.h"
#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct SubscriptionFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::optional<std::string> status;
  std::optional<std::string> customer;
  std::optional<std::string> price;
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

// In order of ID. The cursor's key is the ID and the row's key.
constexpr std::size_t kSubscriptionKeyParts = 2;
Page ListSubscriptions(storage::Database& database, const SubscriptionFilter& filter,
                       const PageRequest& request);

// What the finder is asked for, where a subscription is named by its ID alone.
std::optional<ObjectName> NameOf(const SubscriptionFilter& filter, const std::string& id);
Found FindSubscription(ObjectFinder& subscriptions, const std::string& id, const SubscriptionFilter& filter);

// How they are read on the filter's timeline, where that is a branch, and which of them it asks for.
BranchObjects SubscriptionsOnBranch(const SubscriptionFilter& filter, const LiveModel& live,
                                    const std::optional<AsOf>& as_of);
bool IsWanted(const SubscriptionFilter& filter, const Row& row);

}  // namespace billhook::query
