// What reads of the payment ledger are made of: the conditions that a filter sets, and sums over entries.
// One thread; throws StorageError.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "domain/money.h"
#include "service/query/ledger_query.h"
#include "service/query/where.h"

namespace billhook::query {

// The entries' stretches of time, by what was known and by what was true.
extern const std::string kRecordedHistory;
extern const std::string kOccurredHistory;

Where Conditions(const LedgerFilter& filter, const LiveModel& live);
// Conditions, on a history, for what stood then.
Where StoodAt(const LedgerFilter& filter, const LiveModel& live, UnixMicros then);

// The sign with which an entry counts towards `net`, what payments came to in the end.
int SignOf(const std::string& entry_type);
// Whether an entry is a payment by the customer.
bool IsPayment(const std::string& entry_type);

struct Balance {
  std::map<std::string, Int128> by_type;
  std::map<std::string, Int128> accounts = {{"stripe_balance", 0}, {"payments", 0},   {"refunds", 0},
                                            {"disputes", 0},       {"fees", 0},       {"bank", 0},
                                            {"external", 0},       {"adjustments", 0}};
  std::int64_t entries = 0;

  void Add(const std::string& type, const std::string& debit, const std::string& credit, Int128 amount,
           std::int64_t count);
  [[nodiscard]] Int128 Of(const char* type) const;
};

using BalanceKey = std::tuple<std::string, std::int64_t, std::string>;  // currency, livemode, account
using Balances = std::map<BalanceKey, Balance>;

// Adds the sums over the entries that the conditions let through, or takes them away (`sign` 1 or -1).
void Sum(storage::Session& session, const std::string& from, const Where& where, int sign,
         Balances& balances);

// The balance as callers see it.
std::string BodyText(const BalanceKey& key, const Balance& balance);

}  // namespace billhook::query
