#include "service/query/events_query.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include <nlohmann/json.hpp>

#include "service/query/where.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

constexpr const char* kPosition = "position";
constexpr const char* kVersion = "version";

std::int64_t NumberIn(const Key& key) {
  std::int64_t number = 0;
  std::from_chars(key[0].data(), key[0].data() + key[0].size(), number);
  return number;
}

// The rows of one tenant, where they are looked for by position: by its name alone SQLite's planner would
// find all of the tenant's in an index and sort them, for any page.
std::string OfTenant(const std::string& parameter) {
  return "tenant || '' = " + parameter;
}

// The numbers behind `after`, up to `through`, of a column that orders events.
struct Span {
  const char* column;
  std::int64_t after = 0;
  std::int64_t through = std::numeric_limits<std::int64_t>::max();
};

// Events in order of the span's column, read a few at a time up to the page's limits: a page of large events
// must not fill the memory.
Page ReadEvents(storage::Session& session, const storage::Timeline& timeline, Where where, const Span& span,
                const PageRequest& request) {
  constexpr std::size_t kChunk = 8;
  where.And(std::string(span.column) + " <= " + where.Bind(span.through));
  where.And(std::string(span.column) + " > " + where.Bind(span.after));
  storage::Parameters parameters = where.parameters();
  const std::size_t after = parameters.size() - 1;
  const std::string events = timeline.Events(parameters);
  const std::string sql = "SELECT " + storage::kEventColumns + " FROM " + events + where.sql() +
                          " ORDER BY " + span.column + " LIMIT " + std::to_string(kChunk);
  const bool by_version = std::string_view(span.column) == kVersion;
  Page page;
  while (true) {
    storage::Rows rows = session.Query(sql, parameters);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const RecordedEvent event = storage::EventFrom(rows, i);
      const std::int64_t number = by_version ? event.version : event.position;
      if (!AddToPage(page, request, EventBody(event), {std::to_string(number)})) return page;
      parameters[after] = number;
    }
    if (rows.size() < kChunk) return page;
  }
}

std::int64_t HeadOf(storage::Session& session, const storage::Timeline& timeline) {
  return timeline.branch() ? timeline.branch()->head
                           : session.Query("SELECT position FROM log_head WHERE singleton = 1").Int(0, 0);
}

// The tenant's first position behind that one.
std::optional<std::int64_t> NextOf(storage::Session& session, const EventFilter& filter, std::int64_t after) {
  storage::Parameters parameters = {filter.tenant, after};
  const std::string events = filter.timeline.Events(parameters);
  const storage::Rows rows = session.Query(
      "SELECT min(position) FROM " + events + " WHERE tenant = $1 AND position > $2", parameters);
  if (rows.IsNull(0, 0)) return std::nullopt;
  return rows.Int(0, 0);
}

std::int64_t LookedAtBehind(std::int64_t after) {
  return after + std::min(kMaxEventsLookedAt, std::numeric_limits<std::int64_t>::max() - after);
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
  const std::string tenant = where.Bind(filter.tenant);
  where.EqualIf("aggregate_type", filter.aggregate_type);
  where.EqualIf("event_type", filter.event_type);
  where.EqualIf("source", filter.source);
  const char* time = filter.axis == TimeAxis::kOccurred ? "occurred_at" : "recorded_at";
  if (filter.from) where.And(std::string(time) + " >= " + where.Bind(*filter.from));
  if (filter.to) where.And(std::string(time) + " <= " + where.Bind(*filter.to));
  Span span{kPosition, after};
  if (filter.caused_by) {
    // Two partial indexes carry `caused_by`; the tautology lets each half use its own.
    const std::string cause = where.Bind(*filter.caused_by);
    where.And("tenant = " + tenant + " AND ((source = 'stripe' AND caused_by = " + cause +
              ") OR (source <> 'stripe' AND caused_by = " + cause + "))");
  } else {
    where.And(OfTenant(tenant));
    span.through = LookedAtBehind(after);
  }
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  Page page = ReadEvents(*session, filter.timeline, where, span, request);
  const auto ends_early = [&] { return !page.has_more && HeadOf(*session, filter.timeline) > span.through; };
  const bool whole_log = !filter.aggregate_type && !filter.event_type && !filter.source && !filter.from &&
                         !filter.to && !filter.caused_by;
  if (ends_early() && page.rows.empty() && whole_log) {  // others have filled this part: go to where it is
    const std::optional<std::int64_t> next = NextOf(*session, filter, span.through);
    if (!next) return page;
    span = {kPosition, *next - 1, LookedAtBehind(*next - 1)};
    page = ReadEvents(*session, filter.timeline, where, span, request);
  }
  if (ends_early()) {
    page.has_more = true;
    page.last = {std::to_string(span.through)};
  }
  return page;
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
  Span span{kVersion, std::max<std::int64_t>(filter.from_version, 1) - 1};
  if (!request.after.empty()) span.after = std::max(span.after, NumberIn(request.after));
  if (filter.to_version) span.through = *filter.to_version;
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  return ReadEvents(*session, filter.timeline, std::move(where), span, request);
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
    add("count(*) FROM events WHERE position > $1 AND position <= $2 AND " + OfTenant("$3") +
            " GROUP BY event_type, "
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
  statistics.latest_position = HeadOf(*session, timeline);
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
  return HeadOf(*session, {});
}

}  // namespace billhook::query
