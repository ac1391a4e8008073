#include "service/query/state_query.h"

#include "service/query/branch_state.h"
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

// The rows as a page: what stands behind its last row tells whether that is the only one with its ID.
State StateOf(StateRows listed, const PageRequest& request) {
  const std::string before_the_page = request.after.empty() ? "" : request.after[0];  // no ID is empty
  std::vector<StateRow>& rows = listed.rows;
  State state;
  state.position = listed.position;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bytes += rows[i].value.size();
    if (state.entries.size() == request.limit || (!state.entries.empty() && bytes > request.max_bytes)) {
      state.has_more = true;
      return state;
    }
    // Rows with one ID stand side by side, be it on two pages.
    const std::string& id = rows[i].key[0];
    const bool repeated = (i > 0 ? rows[i - 1].key[0] : before_the_page) == id ||
                          (i + 1 < rows.size() && rows[i + 1].key[0] == id);
    state.entries.emplace_back(repeated ? rows[i].qualified : id, std::move(rows[i].value));
    state.last = rows[i].key;
  }
  if (listed.go_on) {
    state.has_more = true;
    state.last = *listed.go_on;
  }
  return state;
}

StateRows ReadLive(storage::Session& session, const StateView& view, const std::string& tenant,
                   const PageRequest& request, const std::optional<std::string>& key) {
  const std::string id(view.id);
  const std::string qualified = "(" + std::string(view.qualifier) + " || '/' || " + id + ")";
  const LiveModel live = LiveModelOf(session, std::string(view.projection));
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
  storage::Rows rows = session.Query("SELECT " + id + ", row_key, CAST(" + std::string(view.value) +
                                         " AS TEXT), " + qualified + " FROM " + std::string(view.table) +
                                         where.sql() + " ORDER BY 1, 2 LIMIT " + limit,
                                     where.parameters());
  StateRows listed;
  listed.position = live.position;
  for (std::size_t i = 0; i < rows.size(); ++i)
    listed.rows.push_back({{rows.Text(i, 0), rows.Text(i, 1)}, rows.Text(i, 3), rows.TakeText(i, 2)});
  return listed;
}

State Read(storage::Database& database, const StateView& view, const std::string& tenant,
           const PageRequest& request, const std::optional<std::string>& key,
           const storage::Timeline& timeline) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  return StateOf(timeline.branch() ? StateOnBranch(*session, view, {tenant, timeline}, request, key)
                                   : ReadLive(*session, view, tenant, request, key),
                 request);
}

}  // namespace

const StateView* FindStateView(std::string_view name) {
  for (const StateView& view : kViews) {
    if (view.name == name) return &view;
  }
  return nullptr;
}

State ListState(storage::Database& database, const StateView& view, const std::string& tenant,
                const PageRequest& request, const storage::Timeline& timeline) {
  return Read(database, view, tenant, request, std::nullopt, timeline);
}

State FindState(storage::Database& database, const StateView& view, const std::string& tenant,
                const std::string& key, const storage::Timeline& timeline) {
  return Read(database, view, tenant, {2, {}}, key, timeline);
}

}  // namespace billhook::query
