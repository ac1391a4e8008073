// The events of subscriptions as the log holds them, for reads that look further back than the read model:
// first in short (a few numbers an event, however long the stream), then those that count, with their
// payloads. It looks at what the read model `subscriptions` had seen at one position. One thread; throws
// StorageError.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "projections/subscription_events.h"
#include "service/query/as_of.h"
#include "service/query/subscriptions_query.h"
#include "service/query/where.h"
#include "service/storage/timeline.h"

namespace billhook::query {

// A subscription that the read model knows.
struct KnownSubscription {
  std::string id;
  std::string row_key;  // SubscriptionEvent::Key
};

// In order of ID and row key, from after `after` on. Only the livemode and the account of the filter count:
// what else it asks for changes in time.
std::vector<KnownSubscription> ListKnown(storage::Session& session, const LiveModel& live,
                                         const SubscriptionFilter& filter,
                                         const std::optional<std::string>& id, const Key& after,
                                         std::size_t limit);

// An event in short. Whether it can be used, and under which account it stands, only its payload tells.
struct ToldEvent {
  stripe::Moment moment;
  std::int64_t position = 0;
  std::int64_t bytes = 0;  // of payload
};
using ToldEvents = std::vector<ToldEvent>;

// A usable event in full.
struct LoadedEvent {
  SubscriptionEvent told;
  UnixMicros occurred_at = 0;
  UnixMicros recorded_at = 0;
};
using LoadedEvents = std::map<std::int64_t, LoadedEvent>;  // by position

class SubscriptionStreams {
 public:
  SubscriptionStreams(storage::Session& session, std::string tenant, std::int64_t position,
                      storage::Timeline timeline = {})
      : session_(session), tenant_(std::move(tenant)), position_(position), timeline_(std::move(timeline)) {}

  // By subscription ID: the events that belong to `as_of` (nothing: all), the oldest first, those of one
  // moment side by side.
  std::map<std::string, ToldEvents> Tell(const std::vector<std::string>& ids,
                                         const std::optional<AsOf>& as_of);

  // Those of the events that can be used.
  LoadedEvents Load(const ToldEvents& events);

 private:
  storage::Session& session_;
  std::string tenant_;
  std::int64_t position_;
  storage::Timeline timeline_;
};

// The events among `moment` that are about the subscription, which all share one moment, from the oldest to
// the newest by the rules of newest.h.
std::vector<const LoadedEvent*> InOrder(const LoadedEvents& loaded, const ToldEvents& moment,
                                        const std::string& row_key);

}  // namespace billhook::query
