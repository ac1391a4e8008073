// Reads of the read model `customers`, each customer joined with what `subscriptions` and `payment_ledger`
// tell of it: active_subscriptions, lifetime_value, last_payment. All three are read in one state of the
// database; a page stands at the least of their positions. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>

#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct CustomerFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::optional<std::string> email;
  std::optional<bool> deleted;
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

// In order of ID. The cursor's key is the ID and the row's key.
constexpr std::size_t kCustomerKeyParts = 2;
Page ListCustomers(storage::Database& database, const CustomerFilter& filter, const PageRequest& request);

// One customer's rows: several where the ID stands under several accounts or livemodes.
Page FindCustomer(storage::Database& database, const std::string& id, const CustomerFilter& filter);

}  // namespace billhook::query
