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
  storage::Parameters parameters = where.parameters();
  const std::string events = stream.timeline.Events(parameters);
  const storage::Rows told =
      session.Query("SELECT version, position, payload_bytes FROM " + events + where.sql() +
                        " ORDER BY version LIMIT " + std::to_string(request.limit + 1),
                    parameters);
  std::vector<std::int64_t> positions;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < told.size() && i < request.limit; ++i) {
    bytes += told.Int(i, 2);
    if (i > 0 && bytes > static_cast<std::int64_t>(request.max_bytes)) break;
    positions.push_back(told.Int(i, 1));
  }
  Page page;
  page.has_more = positions.size() < told.size();
  for (const RecordedEvent& event : storage::EventsAt(session, stream.timeline, positions)) {
    page.rows.push_back(EventBody(event));
    page.last = {std::to_string(event.version)};
  }
  return page;
}

}  // namespace billhook::query
