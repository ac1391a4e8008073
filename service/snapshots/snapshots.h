// Snapshots of aggregates: taking them, finding the one that a state may be computed from, and computing it
// so. A snapshot never changes what a state is, only how many events are read for it: of our own and merged
// aggregates it holds the state, of Stripe's those events that later ones are weighed against, so that an
// older event which arrives late counts as it would without it. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <vector>

#include "service/query/aggregate_state.h"

namespace billhook::snapshots {

struct Snapshot {
  query::AggregateState state;
  UnixMicros created_at = 0;
};

// The latest of the stream from which a state within the bounds may be computed.
std::optional<Snapshot> Find(storage::Session& session, const query::Stream& stream,
                             const query::Bounds& bounds);

struct StateFromSnapshot {
  query::AggregateState state;
  std::optional<std::int64_t> snapshot_version;  // nothing: from the stream's first event
};

// The state within the bounds, from a snapshot where there is one.
Result<StateFromSnapshot, query::NoState> StateOf(storage::Session& session, const query::Stream& stream,
                                                  const query::Bounds& bounds);

// Takes a snapshot of the stream at that version (nothing: as it stands) and keeps it; those that are not
// worth their room any more go.
Result<Snapshot, query::NoState> Take(storage::Database& database, const query::Stream& stream,
                                      const std::optional<std::int64_t>& version, UnixMicros now);

// Which snapshots of a stream to let go, of those at `versions`, the newest first. The newest stays; of those
// that lie 1, 2 to 3, 4 to 7, 8 to 15 ... events behind it, the oldest of each stretch stays. So a stream
// keeps few (13 of 3,000), and what is read for a moment of its past stays in proportion to what has happened
// since.
std::vector<std::int64_t> Superfluous(const std::vector<std::int64_t>& versions);

}  // namespace billhook::snapshots
