#include "service/query/ledger_query.h"

#include "service/query/branch_ledger_query.h"

namespace billhook::query {

Page ListEntries(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  if (filter.timeline.branch()) {
    Page page;
    page.position = PositionOf(filter.timeline, live);
    for (KeyedEntry& entry : EntriesOnBranch(*session, filter, live, request.after, request.limit + 1)) {
      if (!AddToPage(page, request, std::move(entry.body), std::move(entry.key))) break;
    }
    return page;
  }
  return ReadRows(*session, "ledger_entries", Conditions(filter, live), request, live.position);
}

Page ListBalances(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  Balances balances;
  if (filter.timeline.branch()) {
    balances = BalancesOnBranch(*session, filter, live);
  } else if (filter.as_of) {
    const bool of_truth = filter.as_of->axis == AsOf::Axis::kOccurred;
    Sum(*session, of_truth ? kOccurredHistory : kRecordedHistory, StoodAt(filter, live, filter.as_of->at), 1,
        balances);
  } else {
    Sum(*session, "ledger_entries", Conditions(filter, live), 1, balances);
  }
  transaction.Commit();

  Page page;
  page.position = PositionOf(filter.timeline, live);
  for (const auto& [key, balance] : balances) {
    const auto& [currency, livemode, account] = key;
    const Key cursor = {currency, std::to_string(livemode), account};
    if (!request.after.empty() && cursor <= request.after) continue;
    if (!AddToPage(page, request, BodyText(key, balance), cursor)) break;
  }
  return page;
}

}  // namespace billhook::query
