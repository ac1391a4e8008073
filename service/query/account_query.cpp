#include "service/query/account_query.h"

#include "service/query/where.h"

namespace billhook::query {

std::optional<Account> FindAccount(storage::Database& database, const std::string& tenant,
                                   const std::string& id) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "account_balance");
  const storage::Rows rows =
      session->Query("SELECT body FROM account_balance WHERE generation = $1 AND tenant = $2 AND id = $3",
                     {live.generation, tenant, id});
  if (rows.empty()) return std::nullopt;
  return Account{rows.Text(0, 0), live.position};
}

}  // namespace billhook::query
