#include "service/branches/branches.h"

#include <algorithm>

#include "service/storage/append_plan.h"
#include "service/storage/event_log.h"

namespace billhook::branches {
namespace {

using storage::Parameters;
using storage::Purpose;
using storage::Rows;
using storage::Session;
using storage::Transaction;

constexpr const char* kBranchSql =
    "SELECT id, tenant, name, from_position, created_at, events, payload_bytes, tip_checksum, "
    "tip_recorded_at FROM branches WHERE tenant = $1 AND name ";

Branch BranchFrom(const Rows& rows, std::size_t row) {
  return {rows.Text(row, 0), rows.Text(row, 1), rows.Text(row, 2), rows.Int(row, 3),
          rows.Int(row, 4),  rows.Int(row, 5),  rows.Int(row, 6)};
}

// The branch, locked until the transaction ends, with its last event; nothing if there is none.
struct Locked {
  Branch branch;
  storage::Tip tip;
};
std::optional<Locked> Lock(Session& session, const std::string& tenant, const std::string& name) {
  session.BeginWrite();
  if (session.Execute("UPDATE branches SET events = events WHERE tenant = $1 AND name = $2",
                      {tenant, name}) == 0)
    return std::nullopt;
  const Rows rows = session.Query(std::string(kBranchSql) + "= $2", {tenant, name});
  const std::optional<Digest> checksum = DigestFromHex(rows.Text(0, 7));
  if (!checksum) throw StorageError("a branch holds no checksum of its last event", false);
  Branch branch = BranchFrom(rows, 0);
  const std::int64_t head = branch.head();
  return Locked{std::move(branch), {head, *checksum, rows.Int(0, 8)}};
}

std::vector<Column> WithBranch(const std::vector<Column>& event_columns) {
  std::vector<Column> columns = {{"branch"}};
  columns.insert(columns.end(), event_columns.begin(), event_columns.end());
  return columns;
}

void Write(Session& session, const std::string& branch, const std::vector<Row>& events) {
  static const std::vector<Column> kColumns = WithBranch(storage::kEventRowColumns);
  std::vector<Row> rows;
  rows.reserve(events.size());
  for (const Row& event : events) {
    Row& row = rows.emplace_back(Row{branch});
    row.insert(row.end(), event.begin(), event.end());
  }
  session.Insert("branch_events", kColumns, rows);
}

}  // namespace

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<Branch, CreateRefusal> Create(storage::Database& database, const std::string& tenant,
                                     const std::string& name, const Fork& fork, UnixMicros now) {
  storage::Database::Lease session = database.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  // One after the other, also in other processes: else each would count the branches without the others'.
  session->BeginAppend();
  const std::int64_t head = session->Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
  Branch branch = {NewUuidV7(now), tenant, name, head, now};
  if (fork.position) branch.from_position = *fork.position;
  if (fork.time) branch.from_position = storage::PositionAt(*session, head, *fork.time);
  if (branch.from_position > head) return Unexpected(CreateRefusal::kBeyondHead);

  storage::Tip tip;
  const Rows last =
      session->Query("SELECT checksum, recorded_at FROM events WHERE position = $1", {branch.from_position});
  if (!last.empty())
    tip = {branch.from_position, DigestFromHex(last.Text(0, 0)).value_or(kGenesis), last.Int(0, 1)};
  const std::int64_t others =
      session->Query("SELECT count(*) FROM branches WHERE tenant = $1 AND name <> $2", {tenant, name})
          .Int(0, 0);
  if (others >= kMaxBranches) return Unexpected(CreateRefusal::kTooMany);
  const std::int64_t created = session->Execute(
      "INSERT INTO branches (id, tenant, name, from_position, created_at, events, payload_bytes, "
      "tip_checksum, tip_recorded_at) VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $7) ON CONFLICT (tenant, name) "
      "DO NOTHING",
      {branch.id, tenant, name, branch.from_position, now, ToHex(tip.checksum), tip.recorded_at});
  if (created == 0) return Unexpected(CreateRefusal::kAlreadyExists);
  transaction.Commit();
  return branch;
}

std::optional<Branch> Find(storage::Database& database, const std::string& tenant, const std::string& name) {
  storage::Database::Lease session = database.Acquire(Purpose::kRead);
  const Rows rows = session->Query(std::string(kBranchSql) + "= $2", {tenant, name});
  if (rows.empty()) return std::nullopt;
  return BranchFrom(rows, 0);
}

std::vector<Branch> List(storage::Database& database, const std::string& tenant, const std::string& after,
                         std::size_t limit) {
  storage::Database::Lease session = database.Acquire(Purpose::kRead);
  const Rows rows = session->Query(std::string(kBranchSql) + "> $2 ORDER BY name LIMIT $3",
                                   {tenant, after, static_cast<std::int64_t>(limit)});
  std::vector<Branch> branches;
  for (std::size_t i = 0; i < rows.size(); ++i) branches.push_back(BranchFrom(rows, i));
  return branches;
}

bool Remove(storage::Database& database, const std::string& tenant, const std::string& name) {
  storage::Database::Lease session = database.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  const std::optional<Locked> locked = Lock(*session, tenant, name);
  if (!locked) return false;
  session->Execute("DELETE FROM branch_events WHERE branch = $1", {locked->branch.id});
  session->Execute("DELETE FROM branches WHERE id = $1", {locked->branch.id});
  transaction.Commit();
  return true;
}

Result<Appended, AppendRefusal> Append(storage::Database& database, const std::string& tenant,
                                       const std::string& name, const std::vector<AppendRequest>& requests,
                                       UnixMicros now) {
  storage::Database::Lease session = database.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  std::optional<Locked> locked = Lock(*session, tenant, name);
  if (!locked) return Unexpected(AppendRefusal::kNotFound);
  Branch& branch = locked->branch;
  std::vector<const AppendRequest*> pointers;
  for (const AppendRequest& request : requests) pointers.push_back(&request);
  const storage::AppendPlan::Question question =
      storage::AppendPlan::QuestionFor(branch.timeline(), pointers);
  storage::AppendPlan plan(session->Query(question.sql, question.parameters), locked->tip, now);
  Appended appended;
  for (const AppendRequest* request : pointers) appended.outcomes.push_back(plan.Decide(*request));

  for (const RecordedEvent& placed : plan.placed())
    branch.payload_bytes += static_cast<std::int64_t>(placed.event.payload.size());
  branch.events += static_cast<std::int64_t>(plan.placed().size());
  if (branch.events > kMaxEvents || branch.payload_bytes > kMaxPayloadBytes)
    return Unexpected(AppendRefusal::kFull);
  if (!plan.placed().empty()) {
    Write(*session, branch.id, plan.PlacedRows());
    const storage::Tip tip = plan.tip();
    session->Execute(
        "UPDATE branches SET events = $2, payload_bytes = $3, tip_checksum = $4, tip_recorded_at = $5 WHERE "
        "id = $1",
        {branch.id, branch.events, branch.payload_bytes, ToHex(tip.checksum), tip.recorded_at});
  }
  transaction.Commit();
  appended.branch = std::move(branch);
  return appended;
}

}  // namespace billhook::branches
