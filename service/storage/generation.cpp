#include "service/storage/generation.h"

#include "domain/event_store.h"
#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

constexpr std::int64_t kClearRows =
    5'000;  // of a left-over generation at a time, so that writers wait for no long delete

std::vector<Column> WithGeneration(const Table& table) {
  std::vector<Column> columns = {{"generation", ColumnType::kInteger}};
  columns.insert(columns.end(), table.columns.begin(), table.columns.end());
  return columns;
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
    rows.push_back({name, generation, letter.event->position, event.tenant, KnownId(event), event.event_type,
                    letter.reason, std::int64_t{1}, now, now});
  }
  session.Upsert("dead_letters", kColumns, 3, rows);
}

// Moves the checkpoint on; a second writer, which there must never be, finds that it has moved already, and
// one that came just as a rebuild ended, that nobody reads this generation any more.
void MoveCheckpoint(Session& session, const std::string& name, const Advance& advance) {
  const std::int64_t moved = session.Execute(
      "UPDATE checkpoints SET position = $1 WHERE projection = $2 AND generation = $3 AND position = $4 AND "
      "EXISTS (SELECT 1 FROM projections WHERE name = $2 AND (live_generation = $3 OR rebuild_generation = "
      "$3))",
      {advance.to, name, advance.generation, advance.from});
  if (moved != 1) throw StorageError("another process has advanced or replaced the projection " + name, true);
}

}  // namespace

const std::string& KnownId(const Event& event) {
  return event.source == Source::kStripe && event.caused_by ? *event.caused_by : event.id;
}

std::vector<Row> GenerationReader::Find(const Table& table, std::string_view column,
                                        const std::vector<std::string>& values) {
  return LookUp(table, column, values, std::nullopt);
}

std::vector<Row> GenerationReader::FindFlagged(const Table& table, std::string_view column,
                                               const std::vector<std::string>& values, const Flag& flag) {
  return LookUp(table, column, values, flag);
}

std::vector<Row> GenerationReader::LookUp(const Table& table, std::string_view column,
                                          const std::vector<std::string>& values,
                                          const std::optional<Flag>& flag) {
  if (values.empty()) return {};
  Rows found = session_.Lookup(table, generation_, column, values, flag);
  std::vector<Row> rows(found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    rows[i].reserve(table.columns.size());
    for (std::size_t j = 0; j < table.columns.size(); ++j)
      rows[i].push_back(found.Take(i, j, table.columns[j].type));
  }
  return rows;
}

std::vector<RecordedEvent> GenerationReader::EventsAt(const std::vector<std::int64_t>& positions) {
  std::vector<RecordedEvent> events;
  std::vector<std::int64_t> missing;
  for (std::int64_t position : positions) {
    const std::shared_ptr<const Stretch> stretch = Holding(position);
    if (stretch == nullptr) {
      missing.push_back(position);
    } else {
      events.push_back(*stretch->Find(position));
    }
  }
  for (RecordedEvent& event : ReadEventsAt(session_, missing)) events.push_back(std::move(event));
  return events;
}

std::vector<RecordedEvent> GenerationReader::StreamAfter(const Event& member, std::int64_t version) {
  std::vector<RecordedEvent> events =
      ReadStream(session_, Timeline(), {member.tenant, member.aggregate_type, member.aggregate_id}, version);
  // Along a stream positions rise with the versions.
  while (!events.empty() && events.back().position > end_) events.pop_back();
  return events;
}

std::shared_ptr<const Stretch> GenerationReader::Holding(std::int64_t position) {
  return stretch_->Find(position) != nullptr ? stretch_ : tail_.Holding(stretch_->server(), position);
}

std::shared_ptr<const stripe::EventBody> GenerationReader::BriefOf(const RecordedEvent& recorded) {
  const std::shared_ptr<const Stretch> stretch = Holding(recorded.position);
  return stretch == nullptr ? ReadModel::BriefOf(recorded) : stretch->BriefOf(recorded.position);
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

void Write(Session& session, const std::string& projection, const Advance& advance, UnixMicros now) {
  MoveCheckpoint(session, projection, advance);
  WriteRows(session, advance.generation, advance.changes);
  WriteDeadLetters(session, projection, advance.generation, advance.changes.dead_letters, now);
}

bool ClearLeftOver(Session& session, const Projection& projection) {
  const std::string name(projection.name());
  const Rows left = session.Query(
      "SELECT c.generation FROM checkpoints c JOIN projections p ON p.name = c.projection WHERE c.projection "
      "= $1 AND "
      "c.generation <> p.live_generation AND c.generation <> coalesce(p.rebuild_generation, 0) LIMIT 1" +
          session.Claiming("c", Claim::kPassBy),
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

}  // namespace billhook::storage
