#include "service/storage/read_models.h"

#include <algorithm>

#include "domain/event_store.h"
#include "domain/money.h"
#include "service/storage/generation.h"
#include "service/storage/standing.h"

namespace billhook::storage {
namespace {

// The next events of a generation and what they change.
struct Batch {
  std::shared_ptr<const Stretch> stretch;  // the changes' dead letters point here
  storage::Advance advance;

  [[nodiscard]] std::size_t size() const { return stretch->events().size(); }
};

struct BatchRequest {
  std::int64_t generation = 0;
  LogTail::Place from;
  std::size_t limit = 0;
  bool set_aside = false;  // the one event is refused by the database
};

// `events_read` becomes how many there are, as soon as that is known.
std::optional<Batch> ReadBatch(Session& session, LogTail& tail, const Projection& projection,
                               const BatchRequest& request, std::size_t& events_read) {
  if (request.from.position >= request.from.head) return std::nullopt;
  Batch batch;
  batch.stretch = tail.After(session, request.from, request.limit);
  const std::vector<RecordedEvent>& events = batch.stretch->events();
  events_read = events.size();
  if (events.empty()) return std::nullopt;
  batch.advance = {request.generation, request.from.position, events.back().position, {}};
  if (request.set_aside) {
    batch.advance.changes.dead_letters.push_back({&events.front(), kRefused});
  } else {
    GenerationReader reader(session, request.generation, batch.advance.to, tail, batch.stretch);
    batch.advance.changes = projection.Apply(events, reader);
  }
  return batch;
}

void Count(const Batch& batch, Step& step) {
  step.outcome = Step::Outcome::kAdvanced;
  step.events += batch.size();
  for (SetAside& letter : SetAsideBy(batch.advance.changes)) step.dead_letters.push_back(std::move(letter));
}

// Runs `attempt(limit, set_aside, events)`, which says how many events it has read, with less and less of
// them while the database refuses what they lead to, until the one that it refuses can be set aside.
template <typename Attempt>
void Narrow(std::size_t limit, Attempt attempt) {
  bool set_aside = false;
  while (true) {
    std::size_t events = 0;
    try {
      return attempt(limit, set_aside, events);
    } catch (const StorageError& error) {
      if (!error.about_data() || set_aside || events == 0) throw;
      set_aside = events == 1;
    }
    limit = std::max<std::size_t>(1, std::min(limit, events) / 2);
  }
}

void BeginRebuild(Session& session, const Projection& projection, UnixMicros now) {
  const std::string name(projection.name());
  session.Execute(
      "UPDATE projections SET rebuild_generation = next_generation, next_generation = next_generation + 1, "
      "rebuild_started_at = $2, rebuild_version = $3, rebuild_resumed_at = NULL, rebuild_resumed_from = NULL "
      "WHERE name = $1",
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
    const Standing standing = HoldProjection(*session, name);
    // A rebuild for an older version is left behind: nobody would finish it any more.
    if (standing.version < projection->version() && standing.rebuild_version < projection->version()) {
      BeginRebuild(*session, *projection, now);
    }
    transaction.Commit();
  }
}

Step ReadModels::Advance(const Projection& projection, std::size_t batch, UnixMicros now) {
  const std::string name(projection.name());
  const auto rebuilds = [&](const Standing& standing) {
    return standing.rebuild && standing.rebuild_version == projection.version();
  };
  Step step;
  Standing standing;
  try {
    standing = AdvanceLive(projection, batch, now, step);
  } catch (const std::exception&) {
    // What cannot go on may be just what the rebuild is there to replace.
    {
      Database::Lease session = database_.Acquire(Purpose::kProject);
      standing = StandingOf(*session, name);
    }
    if (!rebuilds(standing)) throw;
    AdvanceRebuild(projection, batch, now, step);
    if (step.outcome != Step::Outcome::kAdvanced) throw;
    return step;
  }
  if (rebuilds(standing)) {
    AdvanceRebuild(projection, batch, now, step);
  } else {
    NoteRebuilding(name, std::nullopt);
    // Only who knows all tables of what is left behind.
    if (step.outcome == Step::Outcome::kCaughtUp && standing.version == projection.version())
      ClearAway(projection, step);
  }
  // Unless it is another version of the projection that failed.
  const bool ours = standing.version == projection.version() && (!standing.rebuild || rebuilds(standing));
  if (standing.failed && ours && step.outcome != Step::Outcome::kElsewhere) NoteError(name, std::nullopt);
  return step;
}

void ReadModels::ClearAway(const Projection& projection, Step& step) {
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginProjecting();
  if (ClearLeftOver(*session, projection)) {
    step.outcome = Step::Outcome::kAdvanced;
    step.more = true;
  }
  transaction.Commit();
}

Standing ReadModels::AdvanceLive(const Projection& projection, std::size_t batch, UnixMicros now,
                                 Step& step) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Standing standing;
  Narrow(batch, [&](std::size_t limit, bool set_aside, std::size_t& events) {
    Transaction transaction(*session);
    session->BeginProjecting();
    const std::map<std::string, Standing> claimed = ClaimStandings(*session, {name});
    standing = claimed.empty() ? StandingOf(*session, name) : claimed.at(name);
    step.position = standing.live_position;
    step.apart = standing.NeedsMore(projection.version());
    if (claimed.empty()) step.outcome = Step::Outcome::kElsewhere;
    // Rows that another version of the projection made are not ours to change: a rebuild replaces them.
    if (claimed.empty() || standing.version != projection.version()) return;
    const std::optional<Batch> next = ReadBatch(
        *session, tail_, projection,
        {standing.live, {standing.server, standing.live_position, standing.head}, limit, set_aside}, events);
    if (!next) return;
    session->ContinueWriting();
    Write(*session, name, next->advance, now);
    step.position = next->advance.to;
    session->Announce({name, step.position});
    transaction.Commit();
    Count(*next, step);
    step.more = step.position < standing.head;
  });
  return standing;
}

void ReadModels::AdvanceRebuild(const Projection& projection, std::size_t batch, UnixMicros now, Step& step) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Narrow(batch, [&](std::size_t limit, bool set_aside, std::size_t& events) {
    Transaction transaction(*session);
    session->BeginProjecting();
    const Rows rows = session->Query(
        "SELECT r.generation, r.position, h.position, " + session->ServerSql() +
            " FROM projections p "
            "JOIN checkpoints r ON r.projection = p.name AND r.generation = p.rebuild_generation "
            "CROSS JOIN log_head h WHERE p.name = $1 AND p.rebuild_version = $2" +
            session->Claiming("r", Claim::kPassBy),
        {name, std::int64_t{projection.version()}});
    if (rows.empty()) return;
    const std::int64_t generation = rows.Int(0, 0);
    const std::int64_t from = rows.Int(0, 1);
    std::int64_t head = rows.Int(0, 2);
    // Close to the end nobody else advances what readers see, so that they never see less than before.
    std::optional<std::int64_t> live_position;
    if (head - from <= static_cast<std::int64_t>(limit)) {
      const Standing live = HoldLive(*session, name);
      live_position = live.live_position;
      head = live.head;
    }
    const std::optional<Batch> next = ReadBatch(
        *session, tail_, projection, {generation, {rows.Text(0, 3), from, head}, limit, set_aside}, events);
    const std::int64_t to = next ? next->advance.to : from;
    const bool complete = live_position && to >= *live_position;
    if (!next && !complete) return;
    session->ContinueWriting();
    if (!IsRebuilding(name, generation)) {
      session->Execute(
          "UPDATE projections SET rebuild_resumed_at = $2, rebuild_resumed_from = $3 WHERE name = $1",
          {name, now, from});
    }
    if (next) Write(*session, name, next->advance, now);
    if (complete) {
      const std::int64_t switched = session->Execute(
          "UPDATE projections SET live_generation = rebuild_generation, version = rebuild_version, "
          "rebuild_generation = NULL, rebuild_version = NULL, rebuild_started_at = NULL, rebuild_resumed_at "
          "= NULL, rebuild_resumed_from = NULL WHERE name = $1 AND rebuild_generation = $2",
          {name, generation});
      if (switched != 1) throw StorageError("another rebuild of the projection " + name + " has begun", true);
      session->Announce({name, to});
    }
    transaction.Commit();
    NoteRebuilding(name, complete ? std::nullopt : std::optional(generation));
    if (complete) step.position = to;
    if (next) Count(*next, step);
    step.outcome = Step::Outcome::kAdvanced;
    step.more = true;  // what it replaced is still to be cleared away
  });
}

bool ReadModels::IsRebuilding(const std::string& name, std::int64_t generation) {
  const std::lock_guard lock(mutex_);
  const auto known = rebuilding_.find(name);
  return known != rebuilding_.end() && known->second == generation;
}

void ReadModels::NoteRebuilding(const std::string& name, std::optional<std::int64_t> generation) {
  const std::lock_guard lock(mutex_);
  if (generation) {
    rebuilding_[name] = *generation;
  } else {
    rebuilding_.erase(name);
  }
}

RebuildStart ReadModels::StartRebuild(const Projection& projection, UnixMicros now, bool back) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginWrite();
  const Standing standing = HoldProjection(*session, name);
  if (standing.rebuild && standing.rebuild_version == projection.version()) return RebuildStart::kUnderWay;
  // One of another version is left to those who run that; where nobody does, `back` takes its place.
  const int newest = std::max(standing.version, standing.rebuild ? standing.rebuild_version : 0);
  if (newest > projection.version() && !back) return RebuildStart::kSuperseded;
  BeginRebuild(*session, projection, now);
  transaction.Commit();
  return RebuildStart::kBegun;
}

RebuildPace PaceOf(const RebuildStatus& rebuild, UnixMicros now) {
  const std::int64_t done = rebuild.processed - rebuild.resumed_from;
  const std::int64_t micros = std::max<std::int64_t>(1, now - rebuild.resumed_at);
  RebuildPace pace;
  if (done > 0) pace.rate_per_second = static_cast<std::int64_t>(Int128{done} * kMicrosPerSecond / micros);
  const std::int64_t left = std::max<std::int64_t>(0, rebuild.total - rebuild.processed);
  if (pace.rate_per_second > 0)
    pace.remaining_seconds = (left + pace.rate_per_second - 1) / pace.rate_per_second;
  return pace;
}

std::int64_t ReadModels::PositionOf(const std::string& name) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  return StandingOf(*session, name).live_position;
}

std::optional<ProjectionStatus> ReadModels::StatusOf(const std::string& name) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  const Rows rows = session->Query(
      "SELECT p.version, l.position, h.position, p.last_error, p.rebuild_generation, coalesce(r.position, "
      "0), "
      "coalesce(p.rebuild_started_at, 0), coalesce(p.rebuild_resumed_at, p.rebuild_started_at, 0), "
      "coalesce(p.rebuild_resumed_from, 0), (SELECT count(*) FROM dead_letters d WHERE d.projection = p.name "
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
  if (!rows.IsNull(0, 4)) {
    status.rebuild =
        RebuildStatus{rows.Int(0, 5), rows.Int(0, 2), rows.Int(0, 6), rows.Int(0, 7), rows.Int(0, 8)};
  }
  status.dead_letters = rows.Int(0, 9);
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
