#include "service/query/state_query.h"

#include "service/query/where.h"

namespace billhook::query {
namespace {

constexpr std::string_view kScope = "CASE WHEN livemode = 1 THEN 'live/' ELSE 'test/' END || account";

constexpr StateView kViews[] = {
    {"subscriptions", "subscriptions", "subscriptions", "id", kScope, "body", ""},
    {"active_subscriptions", "subscriptions", "subscriptions", "id", kScope, "body", "status = 'active'"},
    {"payment_ledger", "payment_ledger", "ledger_entries", "source", kScope, "amount", "type = 'payment'"},
    {"account_balance", "account_balance", "account_balance", "id", "'account'", "body", ""},
    {"sagas", "sagas", "sagas", "id", "'saga'", "body", ""},
    {"revenue", "revenue", "revenue_subscriptions", "id", kScope, "mrr", ""},
    {"customers", "customers", "customers", "id", kScope, "body", ""},
    {"invoices", "invoices", "invoices", "id", kScope, "body", ""},
    {"customer_timeline", "customer_timeline", "customer_timeline", "event_id", kScope, "body",
     "customer IS NOT NULL"},
    {"statistics", "statistics", "event_counts", "event_type", "aggregate_type", "events", ""},
};

State Read(storage::Database& database, const StateView& view, const std::string& tenant,
           const PageRequest& request, const std::optional<std::string>& key) {
  const std::string id(view.id);
  const std::string qualified = "(" + std::string(view.qualifier) + " || '/' || " + id + ")";
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, std::string(view.projection));
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", tenant);
  if (!view.condition.empty()) where.And(std::string(view.condition));
  if (key) {
    const std::string wanted = where.Bind(*key);
    where.And("(" + id + " = " + wanted + " OR " + qualified + " = " + wanted + ")");
  }
  if (!request.after.empty()) {
    const std::string after_id = where.Bind(request.after[0]);
    where.And("(" + id + ", row_key) > (" + after_id + ", " + where.Bind(request.after[1]) + ")");
  }
  const std::string limit = where.Bind(static_cast<std::int64_t>(request.limit) + 1);
  const storage::Rows rows = session->Query(
      "SELECT " + id + ", row_key, CAST(" + std::string(view.value) + " AS TEXT), " + qualified + " FROM " +
          std::string(view.table) + where.sql() + " ORDER BY 1, 2 LIMIT " + limit,
      where.parameters());
  const std::string before_the_page = request.after.empty() ? "" : request.after[0];  // no ID is empty
  State state;
  state.position = live.position;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bytes += rows.Text(i, 2).size();
    if (state.entries.size() == request.limit || (!state.entries.empty() && bytes > kMaxPageBytes)) {
      state.has_more = true;
      break;
    }
    // Rows with one ID stand side by side, be it on two pages.
    const std::string& before = i > 0 ? rows.Text(i - 1, 0) : before_the_page;
    const bool repeated =
        before == rows.Text(i, 0) || (i + 1 < rows.size() && rows.Text(i + 1, 0) == rows.Text(i, 0));
    state.entries.emplace_back(rows.Text(i, repeated ? 3 : 0), rows.Text(i, 2));
    state.last = {rows.Text(i, 0), rows.Text(i, 1)};
  }
  return state;
}

}  // namespace

const StateView* FindStateView(std::string_view name) {
  for (const StateView& view : kViews) {
    if (view.name == name) return &view;
  }
  return nullptr;
}

State ListState(storage::Database& database, const StateView& view, const std::string& tenant,
                const PageRequest& request) {
  return Read(database, view, tenant, request, std::nullopt);
}

State FindState(storage::Database& database, const StateView& view, const std::string& tenant,
                const std::string& key) {
  return Read(database, view, tenant, {2, {}}, key);
}

}  // namespace billhook::query
