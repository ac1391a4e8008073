#include "service/query/timeline_query.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "service/query/where.h"

namespace billhook::query {
namespace {

Where OfCustomer(const TimelineFilter& filter, const LiveModel& live, const char* customer_column) {
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.Equal(customer_column, filter.customer);
  where.EqualIf("account", filter.account);
  if (filter.livemode) where.Equal("livemode", std::int64_t{*filter.livemode});
  return where;
}

using Scope = std::pair<std::int64_t, std::string>;  // livemode, account

// Adds the scopes of the table's rows, as far as it takes to tell whether there are several: one look into
// the index for each.
void AddScopes(storage::Session& session, const std::string& table, const Where& where,
               std::set<Scope>& scopes) {
  Where next = where;
  while (scopes.size() < kMaxHomonyms) {
    const storage::Rows rows = session.Query(
        "SELECT livemode, account FROM " + table + next.sql() + " ORDER BY livemode, account LIMIT 1",
        next.parameters());
    if (rows.empty()) return;
    scopes.emplace(rows.Int(0, 0), rows.Text(0, 1));
    next = where;
    const std::string livemode = next.Bind(rows.Int(0, 0));
    next.And("(livemode, account) > (" + livemode + ", " + next.Bind(rows.Text(0, 1)) + ")");
  }
}

}  // namespace

Timeline ReadTimeline(storage::Database& database, const TimelineFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "customer_timeline");
  const LiveModel customers = LiveModelOf(*session, "customers");
  Where where = OfCustomer(filter, live, "customer");
  std::set<Scope> scopes;
  AddScopes(*session, "customer_timeline", where, scopes);
  AddScopes(*session, "customers", OfCustomer(filter, customers, "id"), scopes);
  Timeline timeline;
  timeline.customers = scopes.size();
  if (scopes.size() != 1) return timeline;

  where.Equal("livemode", scopes.begin()->first);
  where.Equal("account", scopes.begin()->second);
  if (!request.after.empty()) {
    const std::string& text = request.after[0];
    std::int64_t occurred_at = 0;
    std::from_chars(text.data(), text.data() + text.size(), occurred_at);
    const std::string after = where.Bind(occurred_at);
    where.And("(occurred_at, event_id) > (" + after + ", " + where.Bind(request.after[1]) + ")");
  }
  storage::Rows rows =
      session->Query("SELECT occurred_at, event_id, body FROM customer_timeline" + where.sql() +
                         " ORDER BY occurred_at, event_id LIMIT " + std::to_string(request.limit + 1),
                     where.parameters());
  Page& page = timeline.page;
  page.position = std::min(live.position, customers.position);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!AddToPage(page, request, rows.TakeText(i, 2), {std::to_string(rows.Int(i, 0)), rows.Text(i, 1)}))
      break;
  }
  return timeline;
}

}  // namespace billhook::query
