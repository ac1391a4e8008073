#include "service/query/subscription_stream.h"

#include <algorithm>
#include <tuple>

#include "domain/stripe/newest.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

constexpr std::size_t kToldAtATime = 10'000;

}  // namespace

std::vector<KnownSubscription> ListKnown(storage::Session& session, const LiveModel& live,
                                         const SubscriptionFilter& filter,
                                         const std::optional<std::string>& id, const Key& after,
                                         std::size_t limit) {
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.EqualIf("id", id);
  where.EqualIf("account", filter.account);
  if (filter.livemode) where.Equal("livemode", std::int64_t{*filter.livemode});
  if (!after.empty()) {
    const std::string after_id = where.Bind(after[0]);
    where.And("(id, row_key) > (" + after_id + ", " + where.Bind(after[1]) + ")");
  }
  storage::Rows rows = session.Query("SELECT id, row_key FROM subscriptions" + where.sql() +
                                         " ORDER BY id, row_key LIMIT " + std::to_string(limit),
                                     where.parameters());
  std::vector<KnownSubscription> known;
  for (std::size_t i = 0; i < rows.size(); ++i) known.push_back({rows.TakeText(i, 0), rows.TakeText(i, 1)});
  return known;
}

std::map<std::string, ToldEvents> SubscriptionStreams::Tell(const std::vector<std::string>& ids,
                                                            const std::optional<AsOf>& as_of) {
  storage::PairList pairs;
  for (const std::string& id : ids) pairs.emplace_back(id, "");
  // SQLite's planner would rather look for a row value (where to go on) or a position in an index than for
  // the streams: hence the words for the first and the sum for the second.
  storage::Parameters parameters = {pairs, tenant_, position_, std::string(), std::int64_t{0}};
  std::string condition =
      "tenant = $2 AND aggregate_id = a AND aggregate_type = 'subscription' AND source = 'stripe' AND "
      "event_type LIKE 'customer.subscription.%' AND position + 0 <= $3 AND (a > $4 OR (a = $4 AND version > "
      "$5))";
  if (as_of) {
    parameters.emplace_back(as_of->at);
    condition += std::string(" AND ") + as_of->Column() + " <= $" + std::to_string(parameters.size());
  }
  const std::string sql =
      timeline_.Select("aggregate_id, version, position, occurred_at, event_type, payload_bytes", "PAIRS($1)",
                       condition, parameters) +
      " ORDER BY aggregate_id, version LIMIT " + std::to_string(kToldAtATime);

  std::map<std::string, ToldEvents> streams;
  for (bool more = true; more;) {
    storage::Rows rows = session_.Query(sql, parameters);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t second = rows.Int(i, 3) / kMicrosPerSecond;
      streams[rows.Text(i, 0)].push_back(
          {{second, stripe::PhaseOf(rows.Text(i, 4))}, rows.Int(i, 2), rows.Int(i, 5)});
    }
    more = rows.size() == kToldAtATime;
    if (!more) break;
    parameters[3] = rows.Text(rows.size() - 1, 0);
    parameters[4] = rows.Int(rows.size() - 1, 1);
  }
  for (auto& [id, events] : streams) {
    std::sort(events.begin(), events.end(), [](const ToldEvent& a, const ToldEvent& b) {
      return std::tie(a.moment, a.position) < std::tie(b.moment, b.position);
    });
  }
  return streams;
}

LoadedEvents SubscriptionStreams::Load(const ToldEvents& events) {
  LoadedEvents loaded;
  std::vector<std::int64_t> positions;
  for (const ToldEvent& event : events) positions.push_back(event.position);
  for (const RecordedEvent& recorded : storage::EventsAt(session_, timeline_, positions)) {
    if (!TellsOfSubscription(recorded.event)) continue;
    Result<SubscriptionEvent, std::string> told = ReadSubscriptionEvent(recorded);
    if (!told) continue;
    loaded.emplace(recorded.position,
                   LoadedEvent{*std::move(told), recorded.event.occurred_at, recorded.recorded_at});
  }
  return loaded;
}

std::vector<const LoadedEvent*> InOrder(const LoadedEvents& loaded, const ToldEvents& moment,
                                        const std::string& row_key) {
  std::vector<const LoadedEvent*> events;
  std::vector<stripe::Sighting> sightings;
  for (const ToldEvent& event : moment) {
    const auto found = loaded.find(event.position);
    if (found == loaded.end() || found->second.told.Key() != row_key) continue;
    events.push_back(&found->second);
    sightings.push_back(found->second.told.body.AsSighting());
  }
  std::vector<const LoadedEvent*> ordered;
  for (std::size_t index : stripe::InOrder(sightings)) ordered.push_back(events[index]);
  return ordered;
}

}  // namespace billhook::query
