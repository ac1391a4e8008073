// What an aggregate is, computed anew from its stream. Three kinds of aggregates: our own evolve event by
// event (domain/aggregates.h); one that Stripe tells of is its newest object among Stripe's events about it
// (domain/stripe/newest.h), whose deletion is final; of any other the members of its events' data lie over
// one another in order, the later over the earlier. Which kind a stream is, its type and the presence of
// Stripe's events decide. Memory does not grow with the payloads of a stream. One thread; throws
// StorageError.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"
#include "domain/stripe/newest.h"
#include "service/query/as_of.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct Stream {
  std::string tenant;
  std::string aggregate_type;
  std::string aggregate_id;
  storage::Timeline timeline{};
};

// Which of the stream's events count. All bounds are inclusive.
struct Bounds {
  std::int64_t from_version = 1;
  std::optional<std::int64_t> to_version;
  std::optional<AsOf> as_of;
  // Of Stripe's events: those of this livemode, of this Connect account ("" is the platform's own).
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

// A Stripe event that may still be the newest, in short.
struct ToldState {
  stripe::Moment moment;
  std::int64_t position = 0;
  auto operator<=>(const ToldState&) const = default;  // NOLINT(modernize-use-nullptr)
};

struct AggregateState {
  std::int64_t version = 0;         // of the last event within the bounds, 0 without any
  Json state;                       // null where no event tells one
  std::int64_t events = 0;          // that were folded for it
  std::string shape;                // kind of aggregate and form of its state
  UnixMicros last_occurred_at = 0;  // the latest of the events within the bounds
  UnixMicros last_recorded_at = 0;
  std::vector<ToldState> kept;  // of Stripe's events: those that later ones are weighed against
};

// Why there is no one state.
enum class NoState {
  kAmbiguous,    // the newest events are about objects of several livemodes or accounts
  kTooManyTied,  // more events share the newest second than can be weighed against one another
};

// The state within the bounds, computed from `start` on where it is given, which MayStart has let through.
Result<AggregateState, NoState> StateOf(storage::Session& session, const Stream& stream, const Bounds& bounds,
                                        const AggregateState* start);

// Whether a state of the stream, computed before, may be the start of the one within the bounds: it has the
// form that states have now, and all that it counts lies within them.
bool MayStart(storage::Session& session, const Stream& stream, const Bounds& bounds,
              const AggregateState& start);

}  // namespace billhook::query
