// Reads of the read model `subscriptions`. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

struct SubscriptionFilter {
  std::string tenant;
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

// One subscription's rows: several where its ID stands under several accounts or livemodes.
Page FindSubscription(storage::Database& database, const std::string& id, const SubscriptionFilter& filter);

}  // namespace billhook::query
