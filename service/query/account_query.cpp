#include "service/query/account_query.h"

#include "domain/prepaid_account.h"
#include "projections/account_balance.h"
#include "service/query/branch_objects.h"

namespace billhook::query {

std::optional<Account> FindAccount(storage::Database& database, const std::string& tenant,
                                   const std::string& id, const storage::Timeline& timeline) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "account_balance");
  if (timeline.branch()) {
    static const AccountBalance kProjection;
    const BranchObjects objects = {
        kProjection, AccountBalance::kTable, prepaid_account::kAggregateType, live, tenant, timeline, {},
        false};
    Page found = FindObjects(*session, objects, id, [](const Row&) { return true; });
    if (found.rows.empty()) return std::nullopt;
    return Account{std::move(found.rows.front()), found.position};
  }
  const storage::Rows rows =
      session->Query("SELECT body FROM account_balance WHERE generation = $1 AND tenant = $2 AND id = $3",
                     {live.generation, tenant, id});
  if (rows.empty()) return std::nullopt;
  return Account{rows.Text(0, 0), live.position};
}

}  // namespace billhook::query
