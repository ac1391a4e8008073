#include "service/query/timeline_query.h"

#include <algorithm>
#include <charconv>

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

bool Exists(storage::Session& session, const std::string& table, const Where& where) {
  return !session.Query("SELECT 1 FROM " + table + where.sql() + " LIMIT 1", where.parameters()).empty();
}

}  // namespace

std::optional<Page> ListTimeline(storage::Database& database, const TimelineFilter& filter,
                                 const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel timeline = LiveModelOf(*session, "customer_timeline");
  const LiveModel customers = LiveModelOf(*session, "customers");
  const Where of_customer = OfCustomer(filter, timeline, "customer");
  Where where = of_customer;
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
  if (rows.empty() && !Exists(*session, "customers", OfCustomer(filter, customers, "id")) &&
      !Exists(*session, "customer_timeline", of_customer)) {
    return std::nullopt;
  }
  Page page;
  page.position = std::min(timeline.position, customers.position);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!AddToPage(page, request, rows.TakeText(i, 2), {std::to_string(rows.Int(i, 0)), rows.Text(i, 1)}))
      break;
  }
  return page;
}

}  // namespace billhook::query
