#include "service/query/where.h"

#include "domain/check.h"

namespace billhook::query {

std::string Where::Bind(storage::Parameter value) {
  parameters_.push_back(std::move(value));
  return "$" + std::to_string(parameters_.size());
}

void Where::And(const std::string& condition) {
  conditions_ += (conditions_.empty() ? "" : " AND ") + condition;
}

void Where::Equal(std::string_view column, storage::Parameter value) {
  And(std::string(column) + " = " + Bind(std::move(value)));
}

LiveModel LiveModelOf(storage::Session& session, const std::string& projection) {
  const storage::Rows rows = session.Query(
      "SELECT p.live_generation, c.position FROM projections p JOIN checkpoints c ON c.projection = p.name "
      "AND "
      "c.generation = p.live_generation WHERE p.name = $1",
      {projection});
  BILLHOOK_CHECK(rows.size() == 1);
  return {rows.Int(0, 0), rows.Int(0, 1)};
}

std::int64_t PositionOf(const storage::Timeline& timeline, const LiveModel& live) {
  return timeline.branch() ? timeline.branch()->head : live.position;
}

Page ReadRows(storage::Session& session, std::string_view table, Where where, const PageRequest& request,
              std::int64_t position) {
  if (!request.after.empty()) {
    const std::string after_id = where.Bind(request.after[0]);
    where.And("(id, row_key) > (" + after_id + ", " + where.Bind(request.after[1]) + ")");
  }
  storage::Rows rows = session.Query("SELECT id, row_key, body FROM " + std::string(table) + where.sql() +
                                         " ORDER BY id, row_key LIMIT " + std::to_string(request.limit + 1),
                                     where.parameters());
  Page page;
  page.position = position;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!AddToPage(page, request, rows.TakeText(i, 2), {rows.Text(i, 0), rows.Text(i, 1)})) break;
  }
  return page;
}

}  // namespace billhook::query
