#include "service/storage/event_log.h"

#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "domain/check.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kVerifyBatch = 1'000;

constexpr const char* kColumnsBeforePayload =
    "position, id, tenant, aggregate_type, aggregate_id, version, event_type, source, schema_version, "
    "metadata, "
    "caused_by, occurred_at, recorded_at, checksum, payload_bytes, ";

const std::vector<Column> kColumns = {{"position", ColumnType::kInteger},
                                      {"id"},
                                      {"tenant"},
                                      {"aggregate_type"},
                                      {"aggregate_id"},
                                      {"version", ColumnType::kInteger},
                                      {"event_type"},
                                      {"source"},
                                      {"schema_version", ColumnType::kInteger},
                                      {"metadata"},
                                      {"caused_by"},
                                      {"occurred_at", ColumnType::kInteger},
                                      {"recorded_at", ColumnType::kInteger},
                                      {"checksum"},
                                      {"payload_bytes", ColumnType::kInteger},
                                      {"payload"}};

using StripeKey = std::pair<std::string, std::string>;                // tenant, Stripe event ID
using StreamKey = std::tuple<std::string, std::string, std::string>;  // tenant, aggregate ID, aggregate type

StreamKey StreamOf(const Event& event) {
  return {event.tenant, event.aggregate_id, event.aggregate_type};
}

// Decides a batch in memory, under the lock that gives it the log to itself: what is known of the events and
// streams it touches, and the rows to insert. Nothing is written until every request has its outcome.
class BatchPlan {
 public:
  BatchPlan(Session& session, const std::vector<const AppendRequest*>& requests, UnixMicros now)
      : session_(session), now_(now) {
    ReadHead();
    ReadKnownEvents(requests);
    ReadVersions(requests);
  }

  AppendOutcome Decide(const AppendRequest& request) {
    if (const std::optional<std::int64_t> first = FirstRecording(request)) return Duplicate{*first};
    if (std::optional<VersionConflict> conflict = FindConflict(request)) return std::move(*conflict);
    Recorded recorded;
    recorded.recorded_at = now_;
    for (const Append& append : request) {
      recorded.versions.push_back(Place(append));
      recorded.positions.push_back(position_);
    }
    return recorded;
  }

  // Places an event of another log where it stood there; why not, if it cannot stand there.
  std::optional<std::string> DecideRestored(const AppendRequest& request, const RecordedEvent& told) {
    if (told.position != position_ + 1)
      return "the log stands at position " + std::to_string(position_) + ": it cannot follow";
    if (told.recorded_at < now_) return std::string("it was recorded before the event in front of it");
    if (const std::optional<std::int64_t> first = FirstRecording(request))
      return "its Stripe event stands at position " + std::to_string(*first) + " already";
    if (FindConflict(request)) return std::string("its version does not follow in its stream");
    const Digest checksum =
        ChainDigest(checksum_, request.front().content, told.position, told.version, told.recorded_at);
    if (checksum != told.checksum)
      return std::string("its checksum does not fit its content and the event before it");
    now_ = told.recorded_at;
    Place(request.front());
    return std::nullopt;
  }

  void Write() {
    if (rows_.empty()) return;
    session_.Insert("events", kColumns, rows_);
    session_.Execute("UPDATE log_head SET position = $1, checksum = $2 WHERE singleton = 1",
                     {position_, ToHex(checksum_)});
    session_.Announce({});
  }

 private:
  // The next row of the log; its version.
  std::int64_t Place(const Append& append) {
    const Event& event = append.event;
    const std::int64_t version = ++versions_[StreamOf(event)];
    ++position_;
    checksum_ = ChainDigest(checksum_, append.content, position_, version, now_);
    rows_.push_back({position_, event.id, event.tenant, event.aggregate_type, event.aggregate_id, version,
                     event.event_type, std::string(NameOf(event.source)), std::int64_t{event.schema_version},
                     event.metadata, event.caused_by ? Cell(*event.caused_by) : Cell(), event.occurred_at,
                     now_, ToHex(checksum_), static_cast<std::int64_t>(event.payload.size()), event.payload});
    if (event.source == Source::kStripe) known_[{event.tenant, *event.caused_by}] = position_;
    return version;
  }

  void ReadHead() {
    const Rows head = session_.Query(
        "SELECT position, checksum, coalesce((SELECT recorded_at FROM events e WHERE e.position = "
        "h.position), "
        "0) FROM log_head h WHERE singleton = 1");
    BILLHOOK_CHECK(head.size() == 1);
    position_ = head.Int(0, 0);
    const std::optional<Digest> checksum = DigestFromHex(head.Text(0, 1));
    if (!checksum) throw StorageError("the head of the log holds no checksum; run billhook verify", false);
    checksum_ = *checksum;
    // Clocks differ from process to process and are set back; along the log, time never goes back.
    now_ = std::max(now_, head.Int(0, 2));
  }

  // The positions of the Stripe events of the batch that are already recorded.
  void ReadKnownEvents(const std::vector<const AppendRequest*>& requests) {
    PairList ids;
    for (const AppendRequest* request : requests) {
      for (const auto& [event, content, expected_version] : *request) {
        if (event.source == Source::kStripe) ids.emplace_back(event.tenant, *event.caused_by);
      }
    }
    if (ids.empty()) return;
    // One look into the unique index for each, whatever a planner without statistics would rather do.
    const Rows rows = session_.Query(
        "SELECT a, b, (SELECT position FROM events WHERE source = 'stripe' AND tenant = a AND caused_by = b) "
        "FROM PAIRS($1)",
        {ids});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows.IsNull(i, 2)) known_[{rows.Text(i, 0), rows.Text(i, 1)}] = rows.Int(i, 2);
    }
  }

  void ReadVersions(const std::vector<const AppendRequest*>& requests) {
    std::map<std::string, PairList> streams_by_tenant;
    for (const AppendRequest* request : requests) {
      for (const auto& [event, content, expected_version] : *request) {
        if (versions_.emplace(StreamOf(event), 0).second) {
          streams_by_tenant[event.tenant].emplace_back(event.aggregate_id, event.aggregate_type);
        }
      }
    }
    for (const auto& [tenant, streams] : streams_by_tenant) {
      // One step down the index a stream, however long the stream is.
      const Rows rows = session_.Query(
          "SELECT a, b, coalesce((SELECT max(version) FROM events WHERE tenant = $1 AND aggregate_id = a AND "
          "aggregate_type = b), 0) "
          "FROM PAIRS($2)",
          {tenant, streams});
      for (std::size_t i = 0; i < rows.size(); ++i)
        versions_[{tenant, rows.Text(i, 0), rows.Text(i, 1)}] = rows.Int(i, 2);
    }
  }

  [[nodiscard]] std::optional<std::int64_t> FirstRecording(const AppendRequest& request) const {
    for (const Append& append : request) {
      if (append.event.source != Source::kStripe) continue;
      const auto known = known_.find({append.event.tenant, *append.event.caused_by});
      if (known != known_.end()) return known->second;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<VersionConflict> FindConflict(const AppendRequest& request) const {
    std::map<StreamKey, std::int64_t> added;
    for (const Append& append : request) {
      const StreamKey stream = StreamOf(append.event);
      const std::int64_t actual = versions_.at(stream) + added[stream]++;
      if (append.expected_version != kAnyVersion && append.expected_version != actual) {
        return VersionConflict{append.event.aggregate_id, actual};
      }
    }
    return std::nullopt;
  }

  Session& session_;
  UnixMicros now_;
  std::int64_t position_ = 0;
  Digest checksum_{};
  std::map<StripeKey, std::int64_t> known_;
  std::map<StreamKey, std::int64_t> versions_;
  std::vector<Row> rows_;
};

// Reads a run of the log from $1 on: at most $2 events and $3 bytes of payload, or one event that is larger.
std::string ReadSql(const std::string& payload) {
  return "SELECT " + std::string(kColumnsBeforePayload) + payload +
         " FROM events WHERE position > $1 AND position <= (SELECT max(position) FROM (SELECT position, "
         "sum(payload_bytes) OVER (ORDER BY position) AS bytes FROM (SELECT position, payload_bytes FROM "
         "events "
         "WHERE position > $1 ORDER BY position LIMIT $2) AS next) AS run WHERE bytes <= $3 OR position = $1 "
         "+ 1) "
         "ORDER BY position";
}

[[noreturn]] void ThrowDamaged(std::int64_t position) {
  throw StorageError(
      "the event at position " + std::to_string(position) + " holds what billhook never writes", false);
}

}  // namespace

const std::string kEventColumns = std::string(kColumnsBeforePayload) + "payload";

RecordedEvent EventFrom(Rows& rows, std::size_t row) {
  RecordedEvent recorded;
  recorded.position = rows.Int(row, 0);
  recorded.event.id = rows.TakeText(row, 1);
  recorded.event.tenant = rows.TakeText(row, 2);
  recorded.event.aggregate_type = rows.TakeText(row, 3);
  recorded.event.aggregate_id = rows.TakeText(row, 4);
  recorded.version = rows.Int(row, 5);
  recorded.event.event_type = rows.TakeText(row, 6);
  const std::optional<Source> source = SourceNamed(rows.Text(row, 7));
  const std::int64_t schema_version = rows.Int(row, 8);
  if (!source || schema_version < 1 || schema_version > std::numeric_limits<int>::max())
    ThrowDamaged(recorded.position);
  recorded.event.source = *source;
  recorded.event.schema_version = static_cast<int>(schema_version);
  recorded.event.metadata = rows.TakeText(row, 9);
  recorded.event.caused_by = rows.OptionalText(row, 10);
  recorded.event.occurred_at = rows.Int(row, 11);
  recorded.recorded_at = rows.Int(row, 12);
  recorded.checksum = DigestFromHex(rows.Text(row, 13)).value_or(Digest{});
  recorded.event.payload = rows.TakeText(row, 15);
  const bool left_out = recorded.event.payload.empty();  // no event has an empty payload
  if (!left_out && rows.Int(row, 14) != static_cast<std::int64_t>(recorded.event.payload.size())) {
    ThrowDamaged(recorded.position);
  }
  return recorded;
}

std::vector<RecordedEvent> EventsFrom(Rows rows) {
  std::vector<RecordedEvent> events;
  events.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) events.push_back(EventFrom(rows, i));
  return events;
}

std::vector<AppendOutcome> EventLog::AppendBatch(const std::vector<const AppendRequest*>& requests,
                                                 UnixMicros now) {
  Database::Lease session = database_.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  session->BeginAppend();
  BatchPlan plan(*session, requests, now);
  std::vector<AppendOutcome> outcomes;
  outcomes.reserve(requests.size());
  for (const AppendRequest* request : requests) outcomes.push_back(plan.Decide(*request));
  plan.Write();
  transaction.Commit();
  return outcomes;
}

std::vector<RecordedEvent> ReadLog(Session& session, std::int64_t after_position, std::size_t limit) {
  static const std::string kSql = ReadSql("payload");
  return EventsFrom(session.Query(kSql, {after_position, static_cast<std::int64_t>(limit), kMaxReadBytes}));
}

std::vector<RecordedEvent> ReadLogFor(Session& session, const Projection& projection,
                                      std::int64_t after_position, std::size_t limit) {
  // LIKE takes '_' for any character, so a few payloads more may come along.
  std::string wanted;
  for (std::string_view beginning : projection.payloads()) {
    wanted.append(wanted.empty() ? "" : " OR ").append("event_type LIKE '").append(beginning).append("%'");
  }
  const std::string payload = wanted.empty() ? "''" : "CASE WHEN " + wanted + " THEN payload ELSE '' END";
  return EventsFrom(
      session.Query(ReadSql(payload), {after_position, static_cast<std::int64_t>(limit), kMaxReadBytes}));
}

std::vector<RecordedEvent> ReadEventsAt(Session& session, const std::vector<std::int64_t>& positions) {
  static const std::string kSql =
      "SELECT " + kEventColumns + " FROM PAIRS($1) CROSS JOIN events WHERE position = CAST(a AS BIGINT)";
  if (positions.empty()) return {};
  PairList wanted;
  wanted.reserve(positions.size());
  for (std::int64_t position : positions) wanted.emplace_back(std::to_string(position), std::string());
  return EventsFrom(session.Query(kSql, {std::move(wanted)}));
}

std::vector<RecordedEvent> EventLog::ReadLog(std::int64_t after_position, std::size_t limit) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  return storage::ReadLog(*session, after_position, limit);
}

std::int64_t EventLog::LatestPosition() {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  return session->Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
}

// A batch, or where one of its rows cannot even be read, the next event alone.
std::vector<RecordedEvent> EventLog::ReadForVerify(std::int64_t after_position) {
  try {
    return ReadLog(after_position, kVerifyBatch);
  } catch (const StorageError& error) {
    if (error.retryable()) throw;
    return ReadLog(after_position, 1);
  }
}

std::optional<RestoreRefusal> EventLog::Restore(const std::vector<RecordedEvent>& run) {
  std::vector<AppendRequest> requests;
  std::vector<const AppendRequest*> pointers;
  requests.reserve(run.size());
  for (const RecordedEvent& told : run) {
    requests.push_back({{told.event, ContentDigest(told.event), told.version - 1}});
    pointers.push_back(&requests.back());
  }
  Database::Lease session = database_.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  session->BeginAppend();
  BatchPlan plan(*session, pointers, 0);
  std::optional<RestoreRefusal> refusal;
  for (std::size_t i = 0; i < run.size() && !refusal; ++i) {
    if (std::optional<std::string> what = plan.DecideRestored(requests[i], run[i]))
      refusal = RestoreRefusal{run[i].position, *std::move(what)};
  }
  plan.Write();
  transaction.Commit();
  return refusal;
}

LogHead EventLog::Head() {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  const Rows head = session->Query("SELECT position, checksum FROM log_head WHERE singleton = 1");
  const std::optional<Digest> checksum = DigestFromHex(head.Text(0, 1));
  if (!checksum) throw StorageError("the head of the log holds no checksum; run billhook verify", false);
  return {head.Int(0, 0), *checksum};
}

ChainReport EventLog::Verify(const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return Walk([](const RecordedEvent&) {}, progress);
}

ChainReport EventLog::Walk(const std::function<void(const RecordedEvent&)>& take,
                           const std::function<void(std::int64_t, std::int64_t)>& progress) {
  // The head is read first: what is appended while we walk is not our affair.
  std::int64_t last = 0;
  std::string head_checksum;
  {
    Database::Lease session = database_.Acquire(Purpose::kRead);
    const Rows head = session->Query("SELECT position, checksum FROM log_head WHERE singleton = 1");
    last = head.Int(0, 0);
    head_checksum = head.Text(0, 1);
  }
  ChainReport report;
  Digest previous = kGenesis;
  const auto fail = [&report](std::int64_t position, std::string what) {
    report.first_bad_position = position;
    report.what = std::move(what);
    return report;
  };
  while (report.events < last) {
    std::vector<RecordedEvent> events;
    try {
      events = ReadForVerify(report.events);
    } catch (const StorageError& error) {
      if (error.retryable()) throw;
      return fail(report.events + 1, error.what());
    }
    if (events.empty()) return fail(report.events + 1, "this event and all after it are missing");
    for (const RecordedEvent& event : events) {
      if (report.events == last) break;
      if (event.position != report.events + 1)
        return fail(report.events + 1, "the event at this position is missing");
      const Digest checksum = ChainDigest(previous, event);
      if (checksum != event.checksum)
        return fail(event.position, "its checksum does not fit its content and the event before it");
      previous = checksum;
      report.events = event.position;
      take(event);
    }
    progress(report.events, last);
  }
  if (ToHex(previous) != head_checksum)
    return fail(last, "the head of the log names another checksum for it");
  // The head may also have been set back: events beyond it must chain on.
  try {
    for (const RecordedEvent& event : ReadLog(last, 1)) {
      if (event.position != last + 1 || ChainDigest(previous, event) != event.checksum) {
        return fail(last + 1, "it does not chain on to the event before it");
      }
    }
  } catch (const StorageError& error) {
    if (error.retryable()) throw;
    return fail(last + 1, error.what());
  }
  return report;
}

}  // namespace billhook::storage
