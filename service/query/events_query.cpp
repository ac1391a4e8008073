#include "service/query/events_query.h"

#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

#include "service/query/where.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

std::int64_t NumberIn(const Key& key) {
  std::int64_t number = 0;
  std::from_chars(key[0].data(), key[0].data() + key[0].size(), number);
  return number;
}

// Events in order of `number`, read one by one up to the page's limits: a page of large events must not fill
// the memory.
Page ReadEvents(storage::Database& database, const storage::Timeline& timeline, const Where& where,
                const PageRequest& request, bool by_version) {
  constexpr std::size_t kChunk = 8;
  storage::Parameters parameters = where.parameters();
  const std::string events = timeline.Events(parameters);
  const std::string sql = "SELECT " + storage::kEventColumns + " FROM " + events + where.sql() +
                          " ORDER BY " + (by_version ? "version" : "position") + " LIMIT " +
                          std::to_string(kChunk) + " OFFSET $" + std::to_string(parameters.size() + 1);
  parameters.emplace_back(std::int64_t{0});
  Page page;
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  for (std::size_t offset = 0; offset <= request.limit; offset += kChunk) {
    parameters.back() = static_cast<std::int64_t>(offset);
    storage::Rows rows = session->Query(sql, parameters);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const RecordedEvent event = storage::EventFrom(rows, i);
      const std::int64_t number = by_version ? event.version : event.position;
      if (!AddToPage(page, request, EventBody(event), {std::to_string(number)})) return page;
    }
    if (rows.size() < kChunk) break;
  }
  return page;
}

}  // namespace

std::string EventBody(const RecordedEvent& recorded) {
  const Event& event = recorded.event;
  const auto quoted = [](std::string_view text) { return nlohmann::json(text).dump(); };
  std::string body;
  body.reserve(event.payload.size() + 1024);
  body += R"({"id":)" + quoted(event.id);
  body += R"(,"position":)" + std::to_string(recorded.position);
  body += R"(,"tenant":)" + quoted(event.tenant);
  body += R"(,"aggregate_type":)" + quoted(event.aggregate_type);
  body += R"(,"aggregate_id":)" + quoted(event.aggregate_id);
  body += R"(,"event_type":)" + quoted(event.event_type);
  body += R"(,"version":)" + std::to_string(recorded.version);
  body += R"(,"source":)" + quoted(NameOf(event.source));
  body += R"(,"schema_version":)" + std::to_string(event.schema_version);
  body += R"(,"payload":)" + event.payload;
  body += R"(,"metadata":)" + event.metadata;
  body += R"(,"caused_by":)" + (event.caused_by ? quoted(*event.caused_by) : "null");
  body += R"(,"occurred_at":)" + quoted(FormatRfc3339(event.occurred_at));
  body += R"(,"recorded_at":)" + quoted(FormatRfc3339(recorded.recorded_at));
  body += R"(,"checksum":)" + quoted(ToHex(recorded.checksum)) + "}";
  return body;
}

Page ListEvents(storage::Database& database, const EventFilter& filter, const PageRequest& request) {
  std::int64_t after = filter.after_position.value_or(0);
  if (!request.after.empty()) after = std::max(after, NumberIn(request.after));
  Where where;
  where.And("position > " + where.Bind(after));
  where.Equal("tenant", filter.tenant);
  where.EqualIf("aggregate_type", filter.aggregate_type);
  where.EqualIf("event_type", filter.event_type);
  where.EqualIf("source", filter.source);
  const char* time = filter.axis == TimeAxis::kOccurred ? "occurred_at" : "recorded_at";
  if (filter.from) where.And(std::string(time) + " >= " + where.Bind(*filter.from));
  if (filter.to) where.And(std::string(time) + " <= " + where.Bind(*filter.to));
  // Two partial indexes carry `caused_by`; the tautology lets each half use its own.
  if (filter.caused_by) {
    const std::string cause = where.Bind(*filter.caused_by);
    where.And("((source = 'stripe' AND caused_by = " + cause +
              ") OR (source <> 'stripe' AND caused_by = " + cause + "))");
  }
  return ReadEvents(database, filter.timeline, where, request, false);
}

std::vector<RecordedEvent> ReadRange(storage::Database& database, std::int64_t first, std::int64_t last,
                                     const storage::Timeline& timeline) {
  storage::Parameters parameters = {first, last};
  const std::string events = timeline.Events(parameters);
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return storage::EventsFrom(session->Query("SELECT " + storage::kEventColumns + " FROM " + events +
                                                " WHERE position >= $1 AND position <= $2 ORDER BY position",
                                            parameters));
}

std::vector<std::string> TypesOf(storage::Database& database, const std::string& tenant,
                                 const std::string& aggregate_id, const storage::Timeline& timeline) {
  storage::Parameters parameters = {tenant, aggregate_id};
  const std::string events = timeline.Events(parameters);
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  const storage::Rows rows =
      session->Query("SELECT aggregate_type FROM " + events +
                         " WHERE tenant = $1 AND aggregate_id = $2 AND version = 1 ORDER BY aggregate_type",
                     parameters);
  std::vector<std::string> types;
  for (std::size_t i = 0; i < rows.size(); ++i) types.push_back(rows.Text(i, 0));
  return types;
}

Page ListStream(storage::Database& database, const StreamFilter& filter, const PageRequest& request) {
  Where where;
  where.Equal("tenant", filter.tenant);
  where.Equal("aggregate_id", filter.aggregate_id);
  where.Equal("aggregate_type", filter.aggregate_type);
  where.And("version >= " + where.Bind(filter.from_version));
  if (filter.to_version) where.And("version <= " + where.Bind(*filter.to_version));
  if (!request.after.empty()) where.And("version > " + where.Bind(NumberIn(request.after)));
  return ReadEvents(database, filter.timeline, where, request, true);
}

TypeCounts CountTypes(storage::Session& session, const std::string& tenant,
                      const storage::Timeline& timeline) {
  TypeCounts counts;
  const auto add = [&](const std::string& from, const storage::Parameters& parameters, int sign) {
    const storage::Rows rows = session.Query("SELECT event_type, aggregate_type, " + from, parameters);
    for (std::size_t i = 0; i < rows.size(); ++i)
      counts[{rows.Text(i, 0), rows.Text(i, 1)}] += rows.Int(i, 2) * sign;
  };
  const auto add_log = [&](std::int64_t after, std::int64_t through, int sign) {
    add("count(*) FROM events WHERE position > $1 AND position <= $2 AND tenant = $3 GROUP BY event_type, "
        "aggregate_type",
        {after, through, tenant}, sign);
  };
  const LiveModel live = LiveModelOf(session, "statistics");
  add("events FROM event_counts WHERE generation = $1 AND tenant = $2", {live.generation, tenant}, 1);
  if (!timeline.branch()) {
    add_log(live.position, std::numeric_limits<std::int64_t>::max(), 1);
    return counts;
  }
  const auto& [id, fork, head] = *timeline.branch();
  if (fork >= live.position) {
    add_log(live.position, fork, 1);
  } else {
    add_log(fork, live.position, -1);
  }
  add("count(*) FROM branch_events WHERE branch = $1 AND position <= $2 GROUP BY event_type, aggregate_type",
      {id, head}, 1);
  std::erase_if(counts, [](const auto& count) { return count.second == 0; });
  return counts;
}

Statistics StatisticsOf(storage::Database& database, const std::string& tenant,
                        const storage::Timeline& timeline) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  Statistics statistics;
  for (const auto& [types, events] : CountTypes(*session, tenant, timeline)) {
    statistics.total += events;
    statistics.by_event_type[types.first] += events;
    statistics.by_aggregate_type[types.second] += events;
  }
  statistics.latest_position =
      timeline.branch() ? timeline.branch()->head
                        : session->Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
  return statistics;
}

std::string StatisticsBody(const Statistics& statistics) {
  return nlohmann::ordered_json({{"total_events", statistics.total},
                                 {"events_by_type", statistics.by_event_type},
                                 {"events_by_aggregate_type", statistics.by_aggregate_type},
                                 {"latest_position", statistics.latest_position}})
      .dump();
}

std::int64_t LatestPosition(storage::Database& database) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return session->Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
}

}  // namespace billhook::query
