#include "service/storage/append_plan.h"

#include <algorithm>

namespace billhook::storage {

const std::vector<Column> kEventRowColumns = {{"position", ColumnType::kInteger},
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

AppendPlan::StreamKey AppendPlan::StreamOf(const Event& event) {
  return {event.tenant, event.aggregate_id, event.aggregate_type};
}

// Clocks differ from process to process and are set back; along a timeline, time never goes back.
AppendPlan::AppendPlan(Session& session, const Timeline& timeline, const Tip& tip,
                       const std::vector<const AppendRequest*>& requests, UnixMicros now)
    : now_(std::max(now, tip.recorded_at)), position_(tip.position), checksum_(tip.checksum) {
  ReadKnownEvents(session, timeline, requests);
  ReadVersions(session, timeline, requests);
}

AppendOutcome AppendPlan::Decide(const AppendRequest& request) {
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

std::optional<std::string> AppendPlan::DecideRestored(const AppendRequest& request,
                                                      const RecordedEvent& told) {
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

// The next row of the timeline; its version.
std::int64_t AppendPlan::Place(const Append& append) {
  const Event& event = append.event;
  const std::int64_t version = ++versions_[StreamOf(event)];
  ++position_;
  checksum_ = ChainDigest(checksum_, append.content, position_, version, now_);
  placed_.push_back({event, position_, version, now_, checksum_});
  if (event.source == Source::kStripe) known_[{event.tenant, *event.caused_by}] = position_;
  return version;
}

std::vector<Row> AppendPlan::PlacedRows() const {
  std::vector<Row> rows;
  rows.reserve(placed_.size());
  for (const auto& [event, position, version, recorded_at, checksum] : placed_) {
    rows.push_back({position, event.id, event.tenant, event.aggregate_type, event.aggregate_id, version,
                    event.event_type, std::string(NameOf(event.source)), std::int64_t{event.schema_version},
                    event.metadata, event.caused_by ? Cell(*event.caused_by) : Cell(), event.occurred_at,
                    recorded_at, ToHex(checksum), static_cast<std::int64_t>(event.payload.size()),
                    event.payload});
  }
  return rows;
}

// The positions of the Stripe events of the batch that are already recorded.
void AppendPlan::ReadKnownEvents(Session& session, const Timeline& timeline,
                                 const std::vector<const AppendRequest*>& requests) {
  PairList ids;
  for (const AppendRequest* request : requests) {
    for (const auto& [event, content, expected_version] : *request) {
      if (event.source == Source::kStripe) ids.emplace_back(event.tenant, *event.caused_by);
    }
  }
  if (ids.empty()) return;
  // One look into the unique index for each, whatever a planner without statistics would rather do.
  Parameters parameters = {ids};
  const std::string events = timeline.Events(parameters);
  const Rows rows = session.Query("SELECT a, b, (SELECT position FROM " + events +
                                      " WHERE source = 'stripe' AND tenant = a AND caused_by = b) "
                                      "FROM PAIRS($1)",
                                  parameters);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows.IsNull(i, 2)) known_[{rows.Text(i, 0), rows.Text(i, 1)}] = rows.Int(i, 2);
  }
}

void AppendPlan::ReadVersions(Session& session, const Timeline& timeline,
                              const std::vector<const AppendRequest*>& requests) {
  std::map<std::string, PairList> streams_by_tenant;
  for (const AppendRequest* request : requests) {
    for (const auto& [event, content, expected_version] : *request) {
      if (versions_.emplace(StreamOf(event), 0).second) {
        streams_by_tenant[event.tenant].emplace_back(event.aggregate_id, event.aggregate_type);
      }
    }
  }
  for (const auto& [tenant, streams] : streams_by_tenant) {
    // One step down the index a stream, however long the stream is; of a branch's the steps behind its fork.
    Parameters parameters = {tenant, streams};
    const std::string events = timeline.Events(parameters);
    const Rows rows = session.Query("SELECT a, b, coalesce((SELECT version FROM " + events +
                                        " WHERE tenant = $1 AND aggregate_id = a AND aggregate_type = b "
                                        "ORDER BY version DESC LIMIT 1), 0) FROM PAIRS($2)",
                                    parameters);
    for (std::size_t i = 0; i < rows.size(); ++i)
      versions_[{tenant, rows.Text(i, 0), rows.Text(i, 1)}] = rows.Int(i, 2);
  }
}

std::optional<std::int64_t> AppendPlan::FirstRecording(const AppendRequest& request) const {
  for (const Append& append : request) {
    if (append.event.source != Source::kStripe) continue;
    const auto known = known_.find({append.event.tenant, *append.event.caused_by});
    if (known != known_.end()) return known->second;
  }
  return std::nullopt;
}

std::optional<VersionConflict> AppendPlan::FindConflict(const AppendRequest& request) const {
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

}  // namespace billhook::storage
