#include "service/storage/read_models.h"

#include "domain/check.h"
#include "domain/event_store.h"
#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

constexpr std::int64_t kClearRows =
    5'000;  // of a left-over generation at a time, so that writers wait for no long delete

// Where a projection stands, read at the start of a step.
struct Standing {
  int version = 0;
  std::int64_t live = 0;
  std::int64_t live_position = 0;
  std::optional<std::int64_t> rebuild;
  std::int64_t rebuild_position = 0;
  int rebuild_version = 0;  // the version of the projection whose rows the rebuild makes
};

std::vector<Column> WithGeneration(const Table& table) {
  std::vector<Column> columns = {{"generation", ColumnType::kInteger}};
  columns.insert(columns.end(), table.columns.begin(), table.columns.end());
  return columns;
}

// A generation's rows as the projection sees them.
class GenerationReader : public ReadModel {
 public:
  GenerationReader(Session& session, std::int64_t generation) : session_(session), generation_(generation) {}

  std::vector<Row> Find(const Table& table, std::string_view column,
                        const std::vector<std::string>& values) override {
    if (values.empty()) return {};
    Rows found = session_.Lookup(table, generation_, column, values);
    std::vector<Row> rows(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      for (std::size_t j = 0; j < table.columns.size(); ++j)
        rows[i].push_back(found.Take(i, j, table.columns[j].type));
    }
    return rows;
  }

  std::vector<RecordedEvent> EventsAt(const std::vector<std::int64_t>& positions) override {
    std::vector<RecordedEvent> events;
    for (std::int64_t position : positions) {
      for (RecordedEvent& event : EventsFrom(
               session_.Query("SELECT " + kEventColumns + " FROM events WHERE position = $1", {position}))) {
        events.push_back(std::move(event));
      }
    }
    return events;
  }

 private:
  Session& session_;
  std::int64_t generation_;
};

Standing StandingOf(Session& session, const std::string& name) {
  const Rows rows = session.Query(
      "SELECT p.version, p.live_generation, l.position, p.rebuild_generation, coalesce(r.position, 0), "
      "coalesce(p.rebuild_version, 0) FROM projections p "
      "JOIN checkpoints l ON l.projection = p.name AND l.generation = p.live_generation "
      "LEFT JOIN checkpoints r ON r.projection = p.name AND r.generation = p.rebuild_generation "
      "WHERE p.name = $1",
      {name});
  BILLHOOK_CHECK(rows.size() == 1);  // Register made it
  Standing standing{
      static_cast<int>(rows.Int(0, 0)), rows.Int(0, 1), rows.Int(0, 2), std::nullopt, rows.Int(0, 4),
      static_cast<int>(rows.Int(0, 5))};
  if (!rows.IsNull(0, 3)) standing.rebuild = rows.Int(0, 3);
  return standing;
}

void WriteRows(Session& session, std::int64_t generation, const Changes& changes) {
  for (const auto& [table, rows] : changes.rows) {
    std::vector<Row> upserts;
    for (const auto& [key, row] : rows) {
      if (!row) {
        session.Execute("DELETE FROM " + std::string(table->name) + " WHERE generation = $1 AND row_key = $2",
                        {generation, key});
        continue;
      }
      Row& with_generation = upserts.emplace_back(Row{generation});
      with_generation.insert(with_generation.end(), row->begin(), row->end());
    }
    session.Upsert(table->name, WithGeneration(*table), 2, upserts);
  }
}

void WriteDeadLetters(Session& session, const std::string& name, std::int64_t generation,
                      const std::vector<DeadLetter>& letters, UnixMicros now) {
  static const std::vector<Column> kColumns = {{"projection"},
                                               {"generation", ColumnType::kInteger},
                                               {"position", ColumnType::kInteger},
                                               {"tenant"},
                                               {"event_id"},
                                               {"event_type"},
                                               {"reason"},
                                               {"attempts", ColumnType::kInteger},
                                               {"first_failed_at", ColumnType::kInteger},
                                               {"last_failed_at", ColumnType::kInteger}};
  std::vector<Row> rows;
  for (const DeadLetter& letter : letters) {
    const Event& event = letter.event->event;
    const bool from_stripe = event.source == Source::kStripe && event.caused_by;
    rows.push_back({name, generation, letter.event->position, event.tenant,
                    from_stripe ? *event.caused_by : event.id, event.event_type, letter.reason,
                    std::int64_t{1}, now, now});
  }
  session.Upsert("dead_letters", kColumns, 3, rows);
}

// Moves the checkpoint on; a second writer, which there must never be, finds that it has moved already.
void MoveCheckpoint(Session& session, const std::string& name, std::int64_t generation, std::int64_t from,
                    std::int64_t to) {
  const std::int64_t moved = session.Execute(
      "UPDATE checkpoints SET position = $1 WHERE projection = $2 AND generation = $3 AND position = $4",
      {to, name, generation, from});
  if (moved != 1) throw StorageError("another process has advanced the projection " + name, true);
}

// What one generation does in a step.
struct Batch {
  std::int64_t generation = 0;
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::vector<RecordedEvent> events;  // the changes' dead letters point here
  Changes changes;
};

std::optional<Batch> ReadBatch(Session& session, const Projection& projection, std::int64_t generation,
                               std::int64_t from, std::size_t limit) {
  Batch batch{generation, from, from, ReadLogFor(session, projection, from, limit), {}};
  if (batch.events.empty()) return std::nullopt;
  GenerationReader reader(session, generation);
  batch.changes = projection.Apply(batch.events, reader);
  batch.to = batch.events.back().position;
  return batch;
}

void WriteBatch(Session& session, const std::string& name, const Batch& batch, UnixMicros now) {
  MoveCheckpoint(session, name, batch.generation, batch.from, batch.to);
  WriteRows(session, batch.generation, batch.changes);
  WriteDeadLetters(session, name, batch.generation, batch.changes.dead_letters, now);
}

// Deletes a part of one generation that nobody reads any more; false if there is none.
bool ClearLeftOver(Session& session, const Projection& projection) {
  const std::string name(projection.name());
  const Rows left = session.Query(
      "SELECT c.generation FROM checkpoints c JOIN projections p ON p.name = c.projection WHERE c.projection "
      "= $1 AND "
      "c.generation <> p.live_generation AND c.generation <> coalesce(p.rebuild_generation, 0) LIMIT 1",
      {name});
  if (left.empty()) return false;
  const std::int64_t generation = left.Int(0, 0);
  session.ContinueWriting();
  std::int64_t cleared = 0;
  for (const Table* table : projection.tables()) {
    const std::string table_name(table->name);
    cleared += session.Execute("DELETE FROM " + table_name +
                                   " WHERE generation = $1 AND row_key IN (SELECT row_key FROM " +
                                   table_name + " WHERE generation = $1 LIMIT $2)",
                               {generation, kClearRows});
  }
  if (cleared == 0) {
    session.Execute("DELETE FROM dead_letters WHERE projection = $1 AND generation = $2", {name, generation});
    session.Execute("DELETE FROM checkpoints WHERE projection = $1 AND generation = $2", {name, generation});
  }
  return true;
}

// Takes the right to change what the projection's readers see, and waits for it; until the transaction ends,
// steps of other processes pass it by.
Standing BeginChanging(Session& session, const std::string& name) {
  session.BeginWrite();
  session.Execute("UPDATE projections SET next_generation = next_generation WHERE name = $1", {name});
  return StandingOf(session, name);
}

void BeginRebuild(Session& session, const Projection& projection, UnixMicros now) {
  const std::string name(projection.name());
  session.Execute(
      "UPDATE projections SET rebuild_generation = next_generation, next_generation = next_generation + 1, "
      "rebuild_started_at = $2, rebuild_version = $3 WHERE name = $1",
      {name, now, std::int64_t{projection.version()}});
  session.Execute(
      "INSERT INTO checkpoints (projection, generation, position) SELECT name, rebuild_generation, 0 FROM "
      "projections "
      "WHERE name = $1",
      {name});
}

}  // namespace

std::string LiveGeneration(std::string_view name_parameter) {
  return "(SELECT live_generation FROM projections WHERE name = " + std::string(name_parameter) + ")";
}

void ReadModels::Register(const std::vector<const Projection*>& projections, UnixMicros now) {
  Database::Lease session = database_.Acquire(Purpose::kProject);
  for (const Projection* projection : projections) {
    const std::string name(projection->name());
    Transaction transaction(*session);
    session->BeginWrite();
    session->Execute(
        "INSERT INTO projections (name, version, live_generation, next_generation) VALUES ($1, $2, 1, 2) "
        "ON CONFLICT (name) DO NOTHING",
        {name, std::int64_t{projection->version()}});
    session->Execute(
        "INSERT INTO checkpoints (projection, generation, position) SELECT name, live_generation, 0 FROM "
        "projections "
        "WHERE name = $1 ON CONFLICT (projection, generation) DO NOTHING",
        {name});
    const Standing standing = StandingOf(*session, name);
    // A rebuild for an older version is left behind: nobody would finish it any more.
    if (standing.version < projection->version() && standing.rebuild_version < projection->version()) {
      BeginRebuild(*session, *projection, now);
    }
    transaction.Commit();
  }
}

Step ReadModels::Advance(const Projection& projection, std::size_t batch_size, UnixMicros now) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  const bool mine = session->BeginProjecting(name);
  const Standing standing = StandingOf(*session, name);
  Step step{Step::Outcome::kElsewhere, standing.live_position, 0, 0};
  if (!mine) return step;

  // Rows that another version of the projection made are not ours to change: a rebuild replaces them.
  std::optional<Batch> live;
  if (standing.version == projection.version()) {
    live = ReadBatch(*session, projection, standing.live, standing.live_position, batch_size);
  }
  std::optional<Batch> rebuild;
  const bool rebuilding = standing.rebuild && standing.rebuild_version == projection.version();
  if (rebuilding) {
    rebuild = ReadBatch(*session, projection, *standing.rebuild, standing.rebuild_position, batch_size);
  }
  const std::int64_t live_position = live ? live->to : standing.live_position;
  const std::int64_t rebuild_position = rebuild ? rebuild->to : standing.rebuild_position;
  const bool rebuilt = rebuilding && rebuild_position >= live_position;

  step.outcome = Step::Outcome::kAdvanced;
  if (!live && !rebuild && !rebuilt) {
    if (!ClearLeftOver(*session, projection)) step.outcome = Step::Outcome::kCaughtUp;
    transaction.Commit();
    return step;
  }
  session->ContinueWriting();
  if (live) WriteBatch(*session, name, *live, now);
  if (rebuild) WriteBatch(*session, name, *rebuild, now);
  if (rebuilt) {
    session->Execute(
        "UPDATE projections SET live_generation = rebuild_generation, version = rebuild_version, "
        "rebuild_generation = NULL, rebuild_version = NULL, rebuild_started_at = NULL WHERE name = $1",
        {name});
  }
  transaction.Commit();
  step.position = rebuilt ? rebuild_position : live_position;
  for (const std::optional<Batch>* batch : {&live, &rebuild}) {
    if (!*batch) continue;
    step.events += (*batch)->events.size();
    step.dead_letters += (*batch)->changes.dead_letters.size();
  }
  return step;
}

Retry ReadModels::RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                  std::int64_t position, UnixMicros now) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  const Standing standing = BeginChanging(*session, name);
  const Rows letter = session->Query(
      "SELECT 1 FROM dead_letters WHERE projection = $1 AND generation = $2 AND position = $3 AND tenant = "
      "$4",
      {name, standing.live, position, tenant});
  if (letter.empty()) return Retry::kNotFound;
  if (standing.version != projection.version()) return Retry::kSuperseded;

  const std::vector<RecordedEvent> event = ReadLogFor(*session, projection, position - 1, 1);
  GenerationReader reader(*session, standing.live);
  const Changes changes = projection.Apply(event, reader);
  WriteRows(*session, standing.live, changes);
  if (changes.dead_letters.empty()) {
    session->Execute("DELETE FROM dead_letters WHERE projection = $1 AND generation = $2 AND position = $3",
                     {name, standing.live, position});
  } else {
    session->Execute(
        "UPDATE dead_letters SET attempts = attempts + 1, last_failed_at = $4, reason = $5 WHERE projection "
        "= $1 "
        "AND generation = $2 AND position = $3",
        {name, standing.live, position, now, changes.dead_letters.front().reason});
  }
  transaction.Commit();
  return changes.dead_letters.empty() ? Retry::kApplied : Retry::kFailedAgain;
}

bool ReadModels::RemoveDeadLetter(const std::string& projection, const std::string& tenant,
                                  std::int64_t position) {
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginWrite();
  const std::int64_t removed = session->Execute(
      "DELETE FROM dead_letters WHERE projection = $1 AND position = $2 AND tenant = $3 AND generation = " +
          LiveGeneration("$1"),
      {projection, position, tenant});
  transaction.Commit();
  return removed > 0;
}

bool ReadModels::StartRebuild(const Projection& projection, UnixMicros now) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  if (BeginChanging(*session, name).rebuild) return false;
  BeginRebuild(*session, projection, now);
  transaction.Commit();
  return true;
}

std::optional<ProjectionStatus> ReadModels::StatusOf(const std::string& name) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  const Rows rows = session->Query(
      "SELECT p.version, l.position, h.position, p.last_error, p.rebuild_generation, coalesce(r.position, "
      "0), "
      "coalesce(p.rebuild_started_at, 0), (SELECT count(*) FROM dead_letters d WHERE d.projection = p.name "
      "AND "
      "d.generation = p.live_generation) FROM projections p "
      "JOIN checkpoints l ON l.projection = p.name AND l.generation = p.live_generation "
      "LEFT JOIN checkpoints r ON r.projection = p.name AND r.generation = p.rebuild_generation "
      "CROSS JOIN log_head h WHERE p.name = $1",
      {name});
  if (rows.empty()) return std::nullopt;
  ProjectionStatus status;
  status.name = name;
  status.version = static_cast<int>(rows.Int(0, 0));
  status.position = rows.Int(0, 1);
  status.head = rows.Int(0, 2);
  status.last_error = rows.OptionalText(0, 3);
  if (!rows.IsNull(0, 4)) status.rebuild = RebuildStatus{rows.Int(0, 5), rows.Int(0, 2), rows.Int(0, 6)};
  status.dead_letters = rows.Int(0, 7);
  return status;
}

void ReadModels::NoteError(const std::string& name, const std::optional<std::string>& error) {
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginWrite();
  session->Execute("UPDATE projections SET last_error = $2 WHERE name = $1",
                   {name, error ? Parameter(*error) : Parameter()});
  transaction.Commit();
}

}  // namespace billhook::storage
