#include "service/query/dead_letters_query.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "domain/time.h"
#include "service/query/where.h"

namespace billhook::query {

namespace {

const std::string kLive =
    " FROM dead_letters d JOIN projections p ON p.name = d.projection AND p.live_generation = d.generation";
const std::string kSelect =
    "SELECT d.projection, d.position, d.event_id, d.event_type, d.reason, d.attempts, d.first_failed_at, "
    "d.last_failed_at" +
    kLive;

std::string IdOf(const storage::Rows& rows, std::size_t row) {
  return rows.Text(row, 0) + ":" + std::to_string(rows.Int(row, 1));
}

std::string BodyText(const storage::Rows& rows, std::size_t row) {
  return nlohmann::ordered_json({{"id", IdOf(rows, row)},
                                 {"projection", rows.Text(row, 0)},
                                 {"position", rows.Int(row, 1)},
                                 {"event_id", rows.Text(row, 2)},
                                 {"event_type", rows.Text(row, 3)},
                                 {"reason", rows.Text(row, 4)},
                                 {"attempts", rows.Int(row, 5)},
                                 {"first_failed_at", FormatRfc3339(rows.Int(row, 6))},
                                 {"last_failed_at", FormatRfc3339(rows.Int(row, 7))}})
      .dump();
}

std::optional<std::int64_t> PositionFrom(std::string_view text) {
  std::int64_t position = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (fault != std::errc() || end != text.data() + text.size() || position < 1) return std::nullopt;
  return position;
}

}  // namespace

Page ListDeadLetters(storage::Database& database, const std::string& tenant,
                     const std::optional<std::string>& projection, const PageRequest& request) {
  Where where;
  where.Equal("d.tenant", tenant);
  where.EqualIf("d.projection", projection);
  if (!request.after.empty()) {
    const std::string after_position = where.Bind(PositionFrom(request.after[0]).value_or(0));
    where.And("(d.position, d.projection) > (" + after_position + ", " + where.Bind(request.after[1]) + ")");
  }
  const std::string limit = where.Bind(static_cast<std::int64_t>(request.limit) + 1);
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  const storage::Rows rows = session->Query(
      kSelect + where.sql() + " ORDER BY d.position, d.projection LIMIT " + limit, where.parameters());
  Page page;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!AddToPage(page, request, BodyText(rows, i), {std::to_string(rows.Int(i, 1)), rows.Text(i, 0)}))
      break;
  }
  return page;
}

std::int64_t CountDeadLetters(storage::Database& database, const std::string& tenant,
                              const std::string& projection) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return session
      ->Query("SELECT count(*)" + kLive + " WHERE d.tenant = $1 AND d.projection = $2", {tenant, projection})
      .Int(0, 0);
}

std::optional<DeadLetterId> ParseDeadLetterId(std::string_view id) {
  const std::size_t colon = id.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::optional<std::int64_t> position = PositionFrom(id.substr(colon + 1));
  if (!position) return std::nullopt;
  return DeadLetterId{std::string(id.substr(0, colon)), *position};
}

std::optional<std::string> FindDeadLetter(storage::Database& database, const std::string& tenant,
                                          const DeadLetterId& id) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  const storage::Rows rows =
      session->Query(kSelect + " WHERE d.tenant = $1 AND d.projection = $2 AND d.position = $3",
                     {tenant, id.projection, id.position});
  if (rows.empty()) return std::nullopt;
  return BodyText(rows, 0);
}

}  // namespace billhook::query
