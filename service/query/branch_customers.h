// The read model `customers` on a branch, and what is joined to it there from subscriptions and the ledger.
// One thread, in a transaction that reads; throws StorageError.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "domain/money.h"
#include "service/query/branch_objects.h"

namespace billhook::query {

BranchObjects CustomersOnBranch(const std::string& tenant, const storage::Timeline& timeline,
                                const LiveModel& customers);

using CustomerScope = std::tuple<std::string, std::int64_t, std::string>;  // customer, livemode, account
using Net = std::map<std::string, Int128>;                                 // by currency

struct LastPayment {
  UnixMicros occurred_at = 0;
  std::string id;
  std::int64_t amount = 0;
  std::string currency;
};

struct CustomerFigures {
  std::int64_t active_subscriptions = 0;
  Net lifetime_value;
  std::optional<LastPayment> last_payment;
};

struct LiveFigures {
  LiveModel subscriptions;
  LiveModel ledger;
  LiveModel timeline;
};

// What the branch's subscriptions and ledger tell of the customers with these IDs.
std::map<CustomerScope, CustomerFigures> FiguresOnBranch(storage::Session& session, const LiveFigures& live,
                                                         const std::string& tenant,
                                                         const storage::Timeline& timeline,
                                                         const std::vector<std::string>& customers);

}  // namespace billhook::query
