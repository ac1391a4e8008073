#include "service/snapshots/snapshots.h"

#include <bit>

namespace billhook::snapshots {
namespace {

const std::vector<Column> kColumns = {{"tenant"},
                                      {"aggregate_id"},
                                      {"aggregate_type"},
                                      {"version", ColumnType::kInteger},
                                      {"shape"},
                                      {"last_occurred_at", ColumnType::kInteger},
                                      {"last_recorded_at", ColumnType::kInteger},
                                      {"created_at", ColumnType::kInteger},
                                      {"kept"},
                                      {"state"}};
constexpr std::size_t kKeys = 4;

std::string TextOf(const std::vector<query::ToldState>& kept) {
  Json list = Json::array();
  for (const query::ToldState& event : kept)
    list.push_back({event.moment.created_s, static_cast<int>(event.moment.phase), event.position});
  return list.dump();
}

// Nothing if the text is none that TextOf writes.
std::optional<std::vector<query::ToldState>> KeptIn(std::string_view text) {
  const Result<Json, std::string> list = ParseJson(text);
  if (!list || !list->is_array()) return std::nullopt;
  std::vector<query::ToldState> kept;
  for (const Json& event : *list) {
    if (!event.is_array() || event.size() != 3) return std::nullopt;
    for (const Json& number : event) {
      if (!number.is_number_integer()) return std::nullopt;
    }
    const int phase = event[1].get<int>();
    if (phase < static_cast<int>(stripe::Phase::kCreated) ||
        phase > static_cast<int>(stripe::Phase::kDeleted))
      return std::nullopt;
    kept.push_back(
        {{event[0].get<std::int64_t>(), static_cast<stripe::Phase>(phase)}, event[2].get<std::int64_t>()});
  }
  return kept;
}

// Those of an outdated form, and those whose neighbours serve as well.
void Prune(storage::Session& session, const query::Stream& stream, const std::string& shape) {
  const std::string of_stream =
      " FROM snapshots WHERE tenant = $1 AND aggregate_id = $2 AND aggregate_type = $3";
  storage::Parameters parameters = {stream.tenant, stream.aggregate_id, stream.aggregate_type, shape};
  session.Execute("DELETE" + of_stream + " AND shape <> $4", parameters);
  parameters.pop_back();
  const storage::Rows rows =
      session.Query("SELECT version" + of_stream + " ORDER BY version DESC", parameters);
  std::vector<std::int64_t> versions;
  for (std::size_t i = 0; i < rows.size(); ++i) versions.push_back(rows.Int(i, 0));
  parameters.emplace_back();
  for (const std::int64_t version : Superfluous(versions)) {
    parameters.back() = version;
    session.Execute("DELETE" + of_stream + " AND version = $4", parameters);
  }
}

}  // namespace

std::optional<Snapshot> Find(storage::Session& session, const query::Stream& stream,
                             const query::Bounds& bounds) {
  std::string sql =
      "SELECT version, shape, last_occurred_at, last_recorded_at, created_at, kept, state FROM snapshots "
      "WHERE tenant = $1 AND aggregate_id = $2 AND aggregate_type = $3";
  storage::Parameters parameters = {stream.tenant, stream.aggregate_id, stream.aggregate_type};
  if (bounds.to_version) {
    parameters.emplace_back(*bounds.to_version);
    sql += " AND version <= $" + std::to_string(parameters.size());
  }
  if (bounds.as_of) {
    parameters.emplace_back(bounds.as_of->at);
    sql += std::string(" AND last_") + bounds.as_of->Column() + " <= $" + std::to_string(parameters.size());
  }
  const storage::Rows rows = session.Query(sql + " ORDER BY version DESC LIMIT 1", parameters);
  if (rows.empty()) return std::nullopt;
  Snapshot snapshot;
  query::AggregateState& state = snapshot.state;
  state.version = rows.Int(0, 0);
  state.shape = rows.Text(0, 1);
  state.last_occurred_at = rows.Int(0, 2);
  state.last_recorded_at = rows.Int(0, 3);
  snapshot.created_at = rows.Int(0, 4);
  std::optional<std::vector<query::ToldState>> kept = KeptIn(rows.Text(0, 5));
  Result<Json, std::string> told = ParseJson(rows.Text(0, 6));
  if (!kept || !told) return std::nullopt;
  state.kept = *std::move(kept);
  state.state = *std::move(told);
  if (!query::MayStart(session, stream, bounds, state)) return std::nullopt;
  return snapshot;
}

Result<StateFromSnapshot, query::NoState> StateOf(storage::Session& session, const query::Stream& stream,
                                                  const query::Bounds& bounds) {
  const std::optional<Snapshot> start = Find(session, stream, bounds);
  Result<query::AggregateState, query::NoState> state =
      query::StateOf(session, stream, bounds, start ? &start->state : nullptr);
  if (!state) return Unexpected(state.error());
  return StateFromSnapshot{*std::move(state), start ? std::optional(start->state.version) : std::nullopt};
}

Result<Snapshot, query::NoState> Take(storage::Database& database, const query::Stream& stream,
                                      const std::optional<std::int64_t>& version, UnixMicros now) {
  Snapshot snapshot;
  snapshot.created_at = now;
  {
    // Given back before the writing session is asked for: a database in memory has one for all.
    storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
    storage::Transaction transaction(*session);
    session->BeginRead();
    query::Bounds bounds;
    bounds.to_version = version;
    Result<StateFromSnapshot, query::NoState> state = StateOf(*session, stream, bounds);
    if (!state) return Unexpected(state.error());
    snapshot.state = std::move((*state).state);
  }
  const query::AggregateState& state = snapshot.state;
  storage::Database::Lease session = database.Acquire(storage::Purpose::kNote);
  storage::Transaction transaction(*session);
  session->BeginWrite();
  session->Upsert(
      "snapshots", kColumns, kKeys,
      {{stream.tenant, stream.aggregate_id, stream.aggregate_type, state.version, state.shape,
        state.last_occurred_at, state.last_recorded_at, now, TextOf(state.kept), state.state.dump()}});
  Prune(*session, stream, state.shape);
  transaction.Commit();
  return snapshot;
}

std::vector<std::int64_t> Superfluous(const std::vector<std::int64_t>& versions) {
  std::vector<std::int64_t> superfluous;
  for (std::size_t i = 1; i + 1 < versions.size(); ++i) {
    const auto stretch = [&](std::size_t of) {
      return std::bit_width(static_cast<std::uint64_t>(versions.front() - versions[of]));
    };
    if (stretch(i) == stretch(i + 1)) superfluous.push_back(versions[i]);
  }
  return superfluous;
}

}  // namespace billhook::snapshots
