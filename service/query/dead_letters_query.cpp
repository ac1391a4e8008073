#include "service/query/dead_letters_query.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "domain/time.h"
#include "service/query/where.h"

namespace billhook::query {

Page ListDeadLetters(storage::Database& database, const std::string& tenant,
                     const std::optional<std::string>& projection, const PageRequest& request) {
  Where where;
  where.Equal("d.tenant", tenant);
  where.EqualIf("d.projection", projection);
  if (!request.after.empty()) {
    std::int64_t position = 0;
    std::from_chars(request.after[0].data(), request.after[0].data() + request.after[0].size(), position);
    const std::string after_position = where.Bind(position);
    where.And("(d.position, d.projection) > (" + after_position + ", " + where.Bind(request.after[1]) + ")");
  }
  const std::string limit = where.Bind(static_cast<std::int64_t>(request.limit) + 1);
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  const storage::Rows rows = session->Query(
      "SELECT d.projection, d.position, d.event_id, d.event_type, d.reason, d.attempts, d.first_failed_at, "
      "d.last_failed_at "
      "FROM dead_letters d JOIN projections p ON p.name = d.projection AND p.live_generation = d.generation" +
          where.sql() + " ORDER BY d.position, d.projection LIMIT " + limit,
      where.parameters());
  Page page;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string position = std::to_string(rows.Int(i, 1));
    const nlohmann::ordered_json row = {{"id", rows.Text(i, 0) + ":" + position},
                                        {"projection", rows.Text(i, 0)},
                                        {"position", rows.Int(i, 1)},
                                        {"event_id", rows.Text(i, 2)},
                                        {"event_type", rows.Text(i, 3)},
                                        {"reason", rows.Text(i, 4)},
                                        {"attempts", rows.Int(i, 5)},
                                        {"first_failed_at", FormatRfc3339(rows.Int(i, 6))},
                                        {"last_failed_at", FormatRfc3339(rows.Int(i, 7))}};
    if (!AddToPage(page, request, row.dump(), {position, rows.Text(i, 0)})) break;
  }
  return page;
}

}  // namespace billhook::query
