#include "service/query/branch_customers.h"

#include <algorithm>
#include <set>
#include <utility>

#include "projections/customers.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/subscriptions.h"
#include "service/query/branch_ledger.h"
#include "service/query/branch_timeline.h"
#include "service/query/ledger_sums.h"
#include "service/query/subscriptions_query.h"

namespace billhook::query {
namespace {

using Figures = std::map<CustomerScope, CustomerFigures>;

std::int64_t IntegerIn(const Table& table, const Row& row, std::string_view column) {
  return std::get<std::int64_t>(row[table.IndexOf(column)]);
}

// The customer that the row names, within its scope; nothing if it is none of those asked for.
std::optional<CustomerScope> ScopeOf(const Table& table, const Row& row,
                                     const std::set<std::string>& customers) {
  const auto* customer = std::get_if<std::string>(&row[table.IndexOf("customer")]);
  if (customer == nullptr || customers.count(*customer) == 0) return std::nullopt;
  return CustomerScope(*customer, IntegerIn(table, row, "livemode"), TextIn(table, row, "account"));
}

void Count(CustomerFigures& figures, const std::string& type, LastPayment entry) {
  figures.lifetime_value[entry.currency] += Int128{entry.amount} * SignOf(type);
  if (!IsPayment(type)) return;
  std::optional<LastPayment>& last = figures.last_payment;
  if (!last || std::tie(last->occurred_at, last->id) < std::tie(entry.occurred_at, entry.id))
    last = std::move(entry);
}

// A subscription may have changed its customer behind the fork: those that ever had one of these are looked
// at.
void CountSubscriptions(storage::Session& session, const LiveFigures& live, const std::string& tenant,
                        const storage::Timeline& timeline, const std::vector<std::string>& customers,
                        Figures& figures) {
  BranchTimeline branch(session, live.timeline, tenant, timeline);
  const std::set<std::string> ids = branch.SubscriptionsOf(customers);
  SubscriptionFilter active;
  active.tenant = tenant;
  active.timeline = timeline;
  active.status = "active";
  const BranchObjects subscriptions = SubscriptionsOnBranch(active, live.subscriptions, std::nullopt);
  const std::set<std::string> wanted(customers.begin(), customers.end());
  for (const Row& row : RowsOf(session, subscriptions, {ids.begin(), ids.end()})) {
    const std::optional<CustomerScope> scope = ScopeOf(Subscriptions::kTable, row, wanted);
    if (scope && IsWanted(active, row)) ++figures[*scope].active_subscriptions;
  }
}

void CountEntries(storage::Session& session, const LiveFigures& live, const std::string& tenant,
                  const storage::Timeline& timeline, const std::vector<std::string>& customers,
                  Figures& figures) {
  const BranchLedger branch(session, live.ledger, tenant, timeline);
  const std::set<std::string> wanted(customers.begin(), customers.end());
  const Table& table = ledger::kEntriesTable;
  for (const auto& [key, row] : branch.entries()) {
    if (const std::optional<CustomerScope> scope = ScopeOf(table, row, wanted)) {
      Count(figures[*scope], TextIn(table, row, "type"),
            {IntegerIn(table, row, "occurred_at"), TextIn(table, row, "id"), IntegerIn(table, row, "amount"),
             TextIn(table, row, "currency")});
    }
  }
  if (!branch.forked_at()) return;
  storage::PairList pairs;
  for (const std::string& customer : customers) pairs.emplace_back(customer, "");
  const storage::Rows rows = session.Query(
      "SELECT customer, livemode, account, type, occurred_at, id, amount, currency, owner_key FROM PAIRS($1) "
      "CROSS JOIN ledger_entries_recorded WHERE generation = $2 AND tenant = $3 AND customer = a AND since "
      "<= "
      "$4 AND until > $4",
      {pairs, live.ledger.generation, tenant, *branch.forked_at()});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (branch.replaced().count(rows.Text(i, 8)) == 1) continue;
    Count(figures[{rows.Text(i, 0), rows.Int(i, 1), rows.Text(i, 2)}], rows.Text(i, 3),
          {rows.Int(i, 4), rows.Text(i, 5), rows.Int(i, 6), rows.Text(i, 7)});
  }
}

}  // namespace

BranchObjects CustomersOnBranch(const std::string& tenant, const storage::Timeline& timeline,
                                const LiveModel& customers) {
  static const Customers kProjection;
  return {kProjection, Customers::kTable, "customer", customers, tenant, timeline};
}

std::map<CustomerScope, CustomerFigures> FiguresOnBranch(storage::Session& session, const LiveFigures& live,
                                                         const std::string& tenant,
                                                         const storage::Timeline& timeline,
                                                         const std::vector<std::string>& customers) {
  Figures figures;
  CountSubscriptions(session, live, tenant, timeline, customers, figures);
  CountEntries(session, live, tenant, timeline, customers, figures);
  return figures;
}

}  // namespace billhook::query
