#include "service/storage/event_log.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "domain/check.h"
#include "service/storage/append_plan.h"
#include "service/storage/log_tail.h"

namespace billhook::storage {
namespace {

constexpr std::int64_t kStreamAtATime = 256;

constexpr const char* kColumnsBeforePayload =
    "position, id, tenant, aggregate_type, aggregate_id, version, event_type, source, schema_version, "
    "metadata, "
    "caused_by, occurred_at, recorded_at, checksum, payload_bytes, ";

// An append under way: nobody else appends until its transaction ends.
struct Begun {
  std::string server;  // whose log it is
  AppendPlan plan;
};

// The log's end, and what these requests meet there, in one statement: who is alone waits for each.
Begun Begin(Session& session, const std::vector<const AppendRequest*>& requests, UnixMicros now) {
  session.BeginAppend();
  const AppendPlan::Question question = AppendPlan::QuestionFor(Timeline(), requests);
  const Rows rows =
      session.Query(question.sql + " UNION ALL SELECT 'end', checksum, " + session.ServerSql() +
                        ", CAST(coalesce((SELECT recorded_at FROM events e WHERE e.position = h.position), "
                        "0) AS TEXT), position FROM log_head h WHERE singleton = 1",
                    question.parameters);
  std::size_t end = 0;
  while (end < rows.size() && rows.Text(end, 0) != "end") ++end;
  BILLHOOK_CHECK(end < rows.size());
  const std::optional<Digest> checksum = DigestFromHex(rows.Text(end, 1));
  if (!checksum) throw StorageError("the head of the log holds no checksum; run billhook verify", false);
  return {rows.Text(end, 2),
          AppendPlan(rows, {rows.Int(end, 4), *checksum, std::stoll(rows.Text(end, 3))}, now)};
}

void Write(Session& session, const AppendPlan& plan) {
  if (plan.placed().empty()) return;
  session.Insert("events", kEventRowColumns, plan.PlacedRows());
  const Tip tip = plan.tip();
  session.ExecuteWithCommit("UPDATE log_head SET position = $1, checksum = $2 WHERE singleton = 1",
                            {tip.position, ToHex(tip.checksum)});
  session.Announce({});
}

std::string ReadSql(const std::string& payload) {
  return "SELECT " + std::string(kColumnsBeforePayload) + payload + kFromARunOfTheLog;
}

}  // namespace

void ThrowDamaged(std::int64_t position) {
  throw StorageError(
      "the event at position " + std::to_string(position) + " holds what billhook never writes", false);
}

const std::string kFromARunOfTheLog =
    " FROM events WHERE position > $1 AND position <= (SELECT max(position) FROM (SELECT position, "
    "sum(payload_bytes) OVER (ORDER BY position) AS bytes FROM (SELECT position, payload_bytes FROM events "
    "WHERE position > $1 ORDER BY position LIMIT $2) AS next) AS run WHERE bytes <= $3 OR position = $1 + 1) "
    "ORDER BY position";

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

std::vector<RecordedEvent> EventsAt(Session& session, const Timeline& timeline,
                                    const std::vector<std::int64_t>& positions) {
  if (positions.empty()) return {};
  PairList pairs;
  for (std::int64_t position : positions) pairs.emplace_back(std::to_string(position), "");
  Parameters parameters = {std::move(pairs)};
  const std::string select =
      timeline.Select(kEventColumns, "PAIRS($1)", "position = CAST(a AS BIGINT)", parameters);
  return EventsFrom(session.Query(select + " ORDER BY position", parameters));
}

std::vector<std::vector<std::int64_t>> RunsOf(Session& session, const Timeline& timeline,
                                              const std::vector<std::int64_t>& positions) {
  PairList pairs;
  for (std::int64_t position : positions) pairs.emplace_back(std::to_string(position), "");
  Parameters parameters = {std::move(pairs)};
  const std::string select =
      timeline.Select("position, payload_bytes", "PAIRS($1)", "position = CAST(a AS BIGINT)", parameters);
  const Rows rows = session.Query(select + " ORDER BY position", parameters);
  std::vector<std::vector<std::int64_t>> runs;
  std::int64_t bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bytes += rows.Int(i, 1);
    if (runs.empty() || bytes > kMaxReadBytes) {
      runs.emplace_back();
      bytes = rows.Int(i, 1);
    }
    runs.back().push_back(rows.Int(i, 0));
  }
  return runs;
}

std::int64_t PositionAt(Session& session, std::int64_t head, UnixMicros at) {
  std::int64_t low = 0;  // along the log, time never goes back
  std::int64_t high = head;
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    const Rows rows = session.Query("SELECT recorded_at FROM events WHERE position = $1", {middle});
    if (rows.empty()) throw StorageError("the log has a gap; run billhook verify", false);
    if (rows.Int(0, 0) <= at) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::vector<AppendOutcome> EventLog::AppendBatch(const std::vector<const AppendRequest*>& requests,
                                                 UnixMicros now) {
  Database::Lease session = database_.Acquire(Purpose::kAppend);
  Transaction transaction(*session);
  auto [server, plan] = Begin(*session, requests, now);
  std::vector<AppendOutcome> outcomes;
  outcomes.reserve(requests.size());
  for (const AppendRequest* request : requests) outcomes.push_back(plan.Decide(*request));
  Write(*session, plan);
  transaction.Commit();
  if (tail_ != nullptr) tail_->Add(server, plan.TakePlaced());
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

std::vector<RecordedEvent> ReadStream(Session& session, const Timeline& timeline, const StreamName& stream,
                                      std::int64_t version) {
  Parameters parameters = {std::string(stream.tenant), std::string(stream.aggregate_id),
                           std::string(stream.aggregate_type), version, kMaxReadBytes};
  const std::string from_stream = " FROM " + timeline.Events(parameters) +
                                  " WHERE tenant = $1 AND aggregate_id = $2 AND aggregate_type = $3";
  return EventsFrom(session.Query(
      "SELECT " + kEventColumns + from_stream +
          " AND version > $4 AND version <= (SELECT max(version) FROM (SELECT version, sum(payload_bytes) "
          "OVER (ORDER BY version) AS bytes FROM (SELECT version, payload_bytes" +
          from_stream + " AND version > $4 ORDER BY version LIMIT " + std::to_string(kStreamAtATime) +
          ") AS next) AS run WHERE bytes <= $5 OR version = $4 + 1) ORDER BY version",
      parameters));
}

std::vector<RecordedEvent> EventLog::ReadLog(std::int64_t after_position, std::size_t limit) {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  return storage::ReadLog(*session, after_position, limit);
}

std::int64_t EventLog::LatestPosition() {
  Database::Lease session = database_.Acquire(Purpose::kRead);
  return session->Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
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
  AppendPlan plan = Begin(*session, pointers, 0).plan;
  std::optional<RestoreRefusal> refusal;
  for (std::size_t i = 0; i < run.size() && !refusal; ++i) {
    if (std::optional<std::string> what = plan.DecideRestored(requests[i], run[i]))
      refusal = RestoreRefusal{run[i].position, *std::move(what)};
  }
  Write(*session, plan);
  // Sagas reacted to these where they were recorded.
  session->Execute("UPDATE followers SET position = $1 WHERE name = 'saga_runtime'", {plan.tip().position});
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

}  // namespace billhook::storage
