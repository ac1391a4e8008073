// What ledger_query.h reads, on a branch. One thread, in a transaction that reads; throws StorageError.
#pragma once

#include "service/query/ledger_sums.h"

namespace billhook::query {

Balances BalancesOnBranch(storage::Session& session, const LedgerFilter& filter, const LiveModel& live);

// The first `limit` entries behind `after`, in order of ID and row key.
struct KeyedEntry {
  Key key;
  std::string body;
};
std::vector<KeyedEntry> EntriesOnBranch(storage::Session& session, const LedgerFilter& filter,
                                        const LiveModel& live, const Key& after, std::size_t limit);

}  // namespace billhook::query
