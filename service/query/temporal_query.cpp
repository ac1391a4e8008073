#include "service/query/temporal_query.h"

#include <charconv>

#include "service/query/events_query.h"
#include "service/query/where.h"
#include "service/storage/event_log.h"

namespace billhook::query {

Page EventsWithin(storage::Session& session, const Stream& stream, const Window& window,
                  const PageRequest& request) {
  Where where;
  where.Equal("tenant", stream.tenant);
  where.Equal("aggregate_id", stream.aggregate_id);
  where.Equal("aggregate_type", stream.aggregate_type);
  std::int64_t after = 0;
  if (!request.after.empty()) {
    const std::string& text = request.after[0];
    std::from_chars(text.data(), text.data() + text.size(), after);
  }
  where.And("version > " + where.Bind(after));
  const char* time = AsOf{0, window.axis}.Column();
  if (window.from) where.And(std::string(time) + " >= " + where.Bind(*window.from));
  if (window.to) where.And(std::string(time) + " <= " + where.Bind(*window.to));

  // In short first, so that a page of large events does not fill the memory.
  const storage::Rows told = session.Query("SELECT position, payload_bytes FROM events" + where.sql() +
                                               " ORDER BY version LIMIT " + std::to_string(request.limit + 1),
                                           where.parameters());
  storage::PairList positions;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < told.size() && i < request.limit; ++i) {
    bytes += told.Int(i, 1);
    if (i > 0 && bytes > static_cast<std::int64_t>(kMaxPageBytes)) break;
    positions.emplace_back(std::to_string(told.Int(i, 0)), "");
  }
  static const std::string kSql = "SELECT " + storage::kEventColumns +
                                  " FROM PAIRS($1) CROSS JOIN events WHERE position = CAST(a AS BIGINT) "
                                  "ORDER BY version";
  Page page;
  page.has_more = positions.size() < told.size();
  if (positions.empty()) return page;
  storage::Rows rows = session.Query(kSql, {positions});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RecordedEvent event = storage::EventFrom(rows, i);
    page.rows.push_back(EventBody(event));
    page.last = {std::to_string(event.version)};
  }
  return page;
}

}  // namespace billhook::query
