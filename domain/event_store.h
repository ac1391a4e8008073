// The port to the append-only log, and the one exception for the world's faults behind it. Adapters give
// positions in commit order without gaps, return from Append only when the commit is durable, and are safe to
// call from several threads.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "domain/event.h"

namespace billhook {

// Storage could not do what it was asked. When thrown by a commit, the commit may or may not have happened;
// asking again is safe where the request is idempotent (a Stripe event is, by its ID).
class StorageError : public std::runtime_error {
 public:
  StorageError(const std::string& what, bool retryable, bool about_data = false)
      : std::runtime_error(what), retryable_(retryable), about_data_(about_data) {}
  // Whether the same call may succeed later (database away, disk full, lock held) or never will (refused as
  // such).
  [[nodiscard]] bool retryable() const { return retryable_; }
  // Whether it is what was to be written that storage refuses (too long for an index, not of its kind of
  // text ...), so that something else may well pass.
  [[nodiscard]] bool about_data() const { return about_data_; }

 private:
  bool retryable_;
  bool about_data_;
};

// What must be true of the stream for an event to be appended.
constexpr std::int64_t kAnyVersion = -1;

struct Append {
  Event event;
  Digest content{};  // ContentDigest(event)
  std::int64_t expected_version =
      kAnyVersion;  // the stream's version before this event; 0 = the stream must be new
};

// All appended, or none.
using AppendRequest = std::vector<Append>;

struct Recorded {  // in order of the request
  std::vector<std::int64_t> positions;
  std::vector<std::int64_t> versions;
  UnixMicros recorded_at = 0;
};
struct Duplicate {  // this Stripe event ID is already recorded for the tenant
  std::int64_t position = 0;
};
struct VersionConflict {  // the stream of this aggregate stands elsewhere than expected
  std::string aggregate_id;
  std::int64_t actual_version = 0;
};
using AppendOutcome = std::variant<Recorded, Duplicate, VersionConflict>;

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Commits all requests together, in order; an outcome each. A request that is a duplicate or conflicts
  // leaves the others untouched. Throws StorageError: nothing of the batch may be taken for recorded then.
  virtual std::vector<AppendOutcome> AppendBatch(const std::vector<const AppendRequest*>& requests,
                                                 UnixMicros now) = 0;

  // At most `limit` events with position > `after_position`, in order.
  virtual std::vector<RecordedEvent> ReadLog(std::int64_t after_position, std::size_t limit) = 0;

  // The position of the last event, 0 for an empty log.
  virtual std::int64_t LatestPosition() = 0;
};

}  // namespace billhook
