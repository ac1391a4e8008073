#include "service/backfill/runs.h"

namespace billhook::backfill {
namespace {

constexpr const char* kSelect =
    "SELECT run_id, tenant, livemode, since_s, from_s, walked_until_s, until_s, listed, recorded, "
    "missed_from, "
    "missed_to, started_at, updated_at, finished_at FROM backfill_runs WHERE tenant = $1 AND livemode = $2";

const std::vector<Column> kColumns = {{"run_id"},
                                      {"tenant"},
                                      {"livemode", ColumnType::kInteger},
                                      {"since_s", ColumnType::kInteger},
                                      {"from_s", ColumnType::kInteger},
                                      {"walked_until_s", ColumnType::kInteger},
                                      {"until_s", ColumnType::kInteger},
                                      {"listed", ColumnType::kInteger},
                                      {"recorded", ColumnType::kInteger},
                                      {"missed_from", ColumnType::kInteger},
                                      {"missed_to", ColumnType::kInteger},
                                      {"started_at", ColumnType::kInteger},
                                      {"updated_at", ColumnType::kInteger},
                                      {"finished_at", ColumnType::kInteger}};

Cell CellOf(const std::optional<std::int64_t>& number) {
  return number ? Cell(*number) : Cell();
}

std::vector<Run> RunsFrom(const storage::Rows& rows) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto optional = [&](std::size_t column) {
      return rows.IsNull(i, column) ? std::optional<std::int64_t>() : rows.Int(i, column);
    };
    runs.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Int(i, 2) != 0, rows.Int(i, 3), rows.Int(i, 4),
                    rows.Int(i, 5), rows.Int(i, 6), rows.Int(i, 7), rows.Int(i, 8), optional(9), optional(10),
                    rows.Int(i, 11), rows.Int(i, 12), optional(13)});
  }
  return runs;
}

}  // namespace

std::optional<Run> Runs::Unfinished(const std::string& tenant, bool livemode, std::int64_t since_s) {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  const std::vector<Run> runs = RunsFrom(session->Query(
      std::string(kSelect) +
          " AND finished_at IS NULL AND since_s <= $3 ORDER BY started_at DESC, run_id DESC LIMIT 1",
      {tenant, std::int64_t{livemode}, since_s}));
  if (runs.empty()) return std::nullopt;
  return runs.front();
}

void Runs::Save(const Run& run) {
  // Kept like the log itself: what it says was seen must not be seen again.
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kAppend);
  storage::Transaction transaction(*session);
  session->BeginWrite();
  session->Upsert("backfill_runs", kColumns, 1,
                  {{run.id, run.tenant, std::int64_t{run.livemode}, run.since_s, run.from_s,
                    run.walked_until_s, run.until_s, run.listed, run.recorded, CellOf(run.missed_from),
                    CellOf(run.missed_to), run.started_at, run.updated_at, CellOf(run.finished_at)}});
  transaction.Commit();
}

std::vector<Run> Runs::List(const std::string& tenant, bool livemode, std::size_t limit) {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  return RunsFrom(session->Query(std::string(kSelect) + " ORDER BY started_at DESC, run_id DESC LIMIT $3",
                                 {tenant, std::int64_t{livemode}, static_cast<std::int64_t>(limit)}));
}

Coverage Runs::ReadCoverage(const std::string& tenant, bool livemode, std::int64_t now_s) {
  std::vector<Stretch> asked;
  std::vector<Stretch> checked;
  for (const Run& run : List(tenant, livemode, kMostRuns)) {
    asked.push_back({run.since_s, run.until_s});
    checked.push_back({run.from_s, run.walked_until_s});
  }
  return CoverageOf(std::move(asked), std::move(checked), now_s);
}

}  // namespace billhook::backfill
