// Reads of the read model `payment_ledger`: entries, and balances summed over them. Thread safe; throws
// StorageError.
#pragma once

#include <optional>
#include <string>

#include "domain/time.h"
#include "service/query/as_of.h"
#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct LedgerFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::optional<std::string> customer;
  std::optional<std::string> currency;
  std::optional<std::string> type;
  std::optional<std::string> source;
  std::optional<bool> livemode;
  std::optional<std::string> account;
  std::optional<UnixMicros> from;  // of occurred_at, both inclusive
  std::optional<UnixMicros> to;
  std::optional<AsOf> as_of;  // of balances; nothing = as they stand now
};

// In order of ID. The cursor's key is the ID and the row's key.
constexpr std::size_t kEntryKeyParts = 2;
Page ListEntries(storage::Database& database, const LedgerFilter& filter, const PageRequest& request);

// A row per currency, livemode and account, in that order. Sums beyond int64 are written with all their
// digits. The cursor's key is the currency, the livemode ("0" or "1") and the account.
constexpr std::size_t kBalanceKeyParts = 3;
Page ListBalances(storage::Database& database, const LedgerFilter& filter, const PageRequest& request);

}  // namespace billhook::query
