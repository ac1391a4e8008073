#include "service/query/timeline_query.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "projections/customers.h"
#include "service/query/branch_customers.h"
#include "service/query/branch_timeline.h"
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

// The key of a timeline's page: the time, then the event's ID.
using Place = std::pair<std::int64_t, std::string>;

std::optional<Place> PlaceOf(const Key& after) {
  if (after.empty()) return std::nullopt;
  std::int64_t occurred_at = 0;
  std::from_chars(after[0].data(), after[0].data() + after[0].size(), occurred_at);
  return Place(occurred_at, after[1]);
}

Timeline ReadOnBranch(storage::Session& session, const TimelineFilter& filter, const LiveModel& live,
                      const LiveModel& customers, const PageRequest& request) {
  std::set<Scope> scopes;
  const auto asked = [&filter](const Scope& scope) {
    return (!filter.livemode || scope.first == std::int64_t{*filter.livemode}) &&
           (!filter.account || scope.second == *filter.account);
  };
  std::map<Place, std::string> bodies;
  BranchTimeline branch(session, live, filter.tenant, filter.timeline);
  for (Row& row : branch.RowsOf(filter.customer)) {
    const Scope scope = {std::get<std::int64_t>(row[timeline::kLivemode]),
                         std::get<std::string>(row[timeline::kAccount])};
    if (!asked(scope)) continue;
    scopes.insert(scope);
    bodies.emplace(Place(std::get<std::int64_t>(row[timeline::kOccurredAt]),
                         std::get<std::string>(row[timeline::kEventId])),
                   std::move(std::get<std::string>(row[timeline::kBody])));
  }
  const Table& table = Customers::kTable;
  for (const Row& row :
       RowsOf(session, CustomersOnBranch(filter.tenant, filter.timeline, customers), {filter.customer})) {
    const Scope scope = {std::get<std::int64_t>(row[table.IndexOf("livemode")]),
                         TextIn(table, row, "account")};
    if (asked(scope)) scopes.insert(scope);
  }

  Timeline read;
  read.customers = std::min(scopes.size(), kMaxHomonyms);
  read.page.position = filter.timeline.branch()->head;
  if (scopes.size() != 1) return read;
  const std::optional<Place> after = PlaceOf(request.after);
  for (auto row = after ? bodies.upper_bound(*after) : bodies.begin(); row != bodies.end(); ++row) {
    const auto& [occurred_at, event_id] = row->first;
    if (!AddToPage(read.page, request, std::move(row->second), {std::to_string(occurred_at), event_id}))
      break;
  }
  return read;
}

}  // namespace

Timeline ReadTimeline(storage::Database& database, const TimelineFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "customer_timeline");
  const LiveModel customers = LiveModelOf(*session, "customers");
  if (filter.timeline.branch()) return ReadOnBranch(*session, filter, live, customers, request);
  Where where = OfCustomer(filter, live, "customer");
  std::set<Scope> scopes;
  AddScopes(*session, "customer_timeline", where, scopes);
  AddScopes(*session, "customers", OfCustomer(filter, customers, "id"), scopes);
  Timeline timeline;
  timeline.customers = scopes.size();
  if (scopes.size() != 1) return timeline;

  where.Equal("livemode", scopes.begin()->first);
  where.Equal("account", scopes.begin()->second);
  if (const std::optional<Place> place = PlaceOf(request.after)) {
    const std::string after = where.Bind(place->first);
    where.And("(occurred_at, event_id) > (" + after + ", " + where.Bind(place->second) + ")");
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
