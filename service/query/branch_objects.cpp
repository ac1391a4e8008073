#include "service/query/branch_objects.h"

#include <algorithm>
#include <set>

#include "service/query/scratch_model.h"
#include "service/storage/sql_text.h"

namespace billhook::query {

const std::string& TextIn(const Table& table, const Row& row, std::string_view column) {
  return std::get<std::string>(row[table.IndexOf(column)]);
}

namespace {

const std::string& TextIn(const BranchObjects& objects, const Row& row, std::string_view column) {
  return query::TextIn(objects.table, row, column);
}

const char* SourceCondition(const BranchObjects& objects) {
  return objects.stripe ? "source = 'stripe'" : "source <> 'stripe'";
}

Key KeyOf(const BranchObjects& objects, const Row& row) {
  return {TextIn(objects, row, "id"), TextIn(objects, row, "row_key")};
}

storage::PairList Pairs(const std::vector<std::string>& ids) {
  storage::PairList pairs;
  for (const std::string& id : ids) pairs.emplace_back(id, "");
  return pairs;
}

// The IDs that the live rows or the branch's events know, from `from` on (itself included or not).
std::vector<std::string> NextIds(storage::Session& session, const BranchObjects& objects,
                                 const std::string& from, bool included, std::size_t limit) {
  const std::string condition = included ? " >= $1" : " > $1";
  const std::string part = " ORDER BY id LIMIT " + std::to_string(limit) + ") AS ";
  const storage::Rows rows =
      session.Query("SELECT id FROM (SELECT DISTINCT id FROM " + std::string(objects.table.name) +
                        " WHERE generation = $2 AND tenant = $3 AND id" + condition + part +
                        "known UNION SELECT id FROM (SELECT DISTINCT aggregate_id AS id FROM branch_events "
                        "WHERE branch = $4 AND aggregate_type = $5 AND " +
                        SourceCondition(objects) + " AND aggregate_id" + condition + part +
                        "told ORDER BY id LIMIT " + std::to_string(limit),
                    {from, objects.live.generation, objects.tenant, objects.timeline.branch()->id,
                     std::string(objects.aggregate_type)});
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < rows.size(); ++i) ids.push_back(rows.Text(i, 0));
  return ids;
}

// Those of the IDs whose live rows are not the branch's.
std::set<std::string> ChangedIds(storage::Session& session, const BranchObjects& objects,
                                 const std::vector<std::string>& ids) {
  if (objects.as_of) return {ids.begin(), ids.end()};
  // The sum keeps the planners from looking for the position in an index: each stream is short.
  const storage::Rows rows = session.Query(
      "SELECT e.aggregate_id FROM PAIRS($1) CROSS JOIN events e WHERE e.tenant = $2 AND e.aggregate_id = a "
      "AND e.aggregate_type = $3 AND e.position + 0 > $4 UNION SELECT e.aggregate_id FROM PAIRS($1) CROSS "
      "JOIN branch_events e WHERE e.branch = $5 AND e.aggregate_id = a AND e.aggregate_type = $3",
      {Pairs(ids), objects.tenant, std::string(objects.aggregate_type), objects.timeline.branch()->fork,
       objects.timeline.branch()->id});
  std::set<std::string> changed;
  for (std::size_t i = 0; i < rows.size(); ++i) changed.insert(rows.Text(i, 0));
  return changed;
}

void ReadLive(storage::Session& session, const BranchObjects& objects, const std::vector<std::string>& ids,
              std::vector<Row>& rows) {
  if (ids.empty()) return;
  const std::vector<Column>& columns = objects.table.columns;
  storage::Rows found =
      session.Query("SELECT " + storage::ColumnList(columns) + " FROM PAIRS($1) CROSS JOIN " +
                        std::string(objects.table.name) + " WHERE generation = $2 AND tenant = $3 AND id = a",
                    {Pairs(ids), objects.live.generation, objects.tenant});
  for (std::size_t i = 0; i < found.size(); ++i) {
    Row& row = rows.emplace_back();
    for (std::size_t j = 0; j < columns.size(); ++j) row.push_back(found.Take(i, j, columns[j].type));
  }
}

void Compute(storage::Session& session, const BranchObjects& objects, const std::vector<std::string>& ids,
             std::vector<Row>& rows) {
  if (ids.empty()) return;
  storage::Parameters parameters = {Pairs(ids), objects.tenant, std::string(objects.aggregate_type)};
  std::string condition = "tenant = $2 AND aggregate_id = a AND aggregate_type = $3 AND ";
  condition += SourceCondition(objects);
  if (objects.as_of) {
    parameters.emplace_back(objects.as_of->at);
    condition += std::string(" AND ") + objects.as_of->Column() + " <= $" + std::to_string(parameters.size());
  }
  const std::string select = objects.timeline.Select("position", "PAIRS($1)", condition, parameters);
  const storage::Rows found = session.Query(select, parameters);
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < found.size(); ++i) positions.push_back(found.Int(i, 0));
  ScratchModel scratch(session, objects.timeline, objects.projection, {&objects.table});
  scratch.ApplyAt(std::move(positions));
  for (const auto& [key, row] : scratch.RowsOf(objects.table)) rows.push_back(row);
}

}  // namespace

std::vector<Row> RowsOf(storage::Session& session, const BranchObjects& objects,
                        const std::vector<std::string>& ids) {
  const std::set<std::string> changed = ChangedIds(session, objects, ids);
  std::vector<std::string> kept;
  for (const std::string& id : ids) {
    if (changed.count(id) == 0) kept.push_back(id);
  }
  std::vector<Row> rows;
  ReadLive(session, objects, kept, rows);
  Compute(session, objects, {changed.begin(), changed.end()}, rows);
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::get<std::string>(a[0]) < std::get<std::string>(b[0]);
  });
  return rows;
}

ListedRows ListRows(storage::Session& session, const BranchObjects& objects,
                    const std::function<bool(const Row&)>& wanted, const Key& after, std::size_t limit) {
  constexpr std::size_t kLeastChunk = 20;
  const std::size_t chunk = std::max(kLeastChunk, limit + 1);
  ListedRows listed;
  // The cursor may stand between two rows of one ID.
  std::string from = after.empty() ? "" : after[0];
  bool included = true;
  for (std::size_t looked_at = 0; looked_at < kMaxObjectsLookedAt; looked_at += chunk) {
    const std::vector<std::string> ids = NextIds(session, objects, from, included, chunk);
    const std::vector<Row> rows = RowsOf(session, objects, ids);
    for (const std::string& id : ids) {
      for (const Row& row : rows) {
        if (TextIn(objects, row, "id") != id || !wanted(row)) continue;
        if (!after.empty() && id == after[0] && TextIn(objects, row, "row_key") <= after[1]) continue;
        if (listed.rows.size() == limit) {
          listed.go_on = KeyOf(objects, listed.rows.back());
          return listed;
        }
        listed.rows.push_back(row);
      }
    }
    if (ids.size() < chunk) return listed;
    from = ids.back();
    included = false;
  }
  listed.go_on = {from, "\x7f"};  // behind all rows of that ID: a row key begins with the tenant
  return listed;
}

Page ListObjects(storage::Session& session, const BranchObjects& objects,
                 const std::function<bool(const Row&)>& wanted, const PageRequest& request) {
  const ListedRows listed = ListRows(session, objects, wanted, request.after, request.limit);
  Page page;
  page.position = objects.timeline.branch()->head;
  for (const Row& row : listed.rows) {
    if (!AddToPage(page, request, TextIn(objects, row, "body"), KeyOf(objects, row))) return page;
  }
  page.has_more = listed.go_on.has_value();
  if (listed.go_on) page.last = *listed.go_on;
  return page;
}

Page FindObjects(storage::Session& session, const BranchObjects& objects, const std::string& id,
                 const std::function<bool(const Row&)>& wanted) {
  Page page;
  page.position = objects.timeline.branch()->head;
  for (const Row& row : RowsOf(session, objects, {id})) {
    if (wanted(row) &&
        !AddToPage(page, {kMaxHomonyms, {}}, TextIn(objects, row, "body"), KeyOf(objects, row)))
      break;
  }
  return page;
}

}  // namespace billhook::query
