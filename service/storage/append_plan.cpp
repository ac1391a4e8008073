#include "service/storage/append_plan.h"

#include <algorithm>
#include <set>
#include <string_view>

namespace billhook::storage {
namespace {

// The kinds of an answer's rows: where a Stripe event stands if it is recorded, and how long a stream is.
constexpr std::string_view kKnown = "event";
constexpr std::string_view kStream = "stream";

}  // namespace

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

AppendPlan::Question AppendPlan::QuestionFor(const Timeline& timeline,
                                             const std::vector<const AppendRequest*>& requests) {
  PairList stripe_events;
  std::set<StreamKey> streams;
  for (const AppendRequest* request : requests) {
    for (const auto& [event, content, expected_version] : *request) {
      if (event.source == Source::kStripe) stripe_events.emplace_back(event.tenant, *event.caused_by);
      streams.insert(StreamOf(event));
    }
  }
  TripleList keys;
  for (const auto& [tenant, id, type] : streams) keys.push_back({tenant, id, type});
  // One look into the unique index for each event, whatever a planner without statistics would rather do; one
  // step down the index for each stream, however long it is. Of a branch's the steps behind its fork.
  Question question{"", {std::move(stripe_events), std::move(keys)}};
  const std::string events = timeline.Events(question.parameters);
  question.sql = "SELECT '" + std::string(kKnown) + "' AS what, a, b, '' AS c, (SELECT position FROM " +
                 events +
                 " WHERE source = 'stripe' AND tenant = a AND caused_by = b) AS number FROM PAIRS($1) "
                 "UNION ALL SELECT '" +
                 std::string(kStream) + "', a, b, c, coalesce((SELECT version FROM " + events +
                 " WHERE tenant = a AND aggregate_id = b AND aggregate_type = c "
                 "ORDER BY version DESC LIMIT 1), 0) FROM TRIPLES($2)";
  return question;
}

// Clocks differ from process to process and are set back; along a timeline, time never goes back.
AppendPlan::AppendPlan(const Rows& answer, const Tip& tip, UnixMicros now)
    : now_(std::max(now, tip.recorded_at)), position_(tip.position), checksum_(tip.checksum) {
  for (std::size_t i = 0; i < answer.size(); ++i) {
    const std::string& what = answer.Text(i, 0);
    if (what == kStream) {
      versions_[{answer.Text(i, 1), answer.Text(i, 2), answer.Text(i, 3)}] = answer.Int(i, 4);
    } else if (what == kKnown && !answer.IsNull(i, 4)) {
      known_[{answer.Text(i, 1), answer.Text(i, 2)}] = answer.Int(i, 4);
    }
  }
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
