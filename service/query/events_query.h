// Reads of the log for callers: the global stream, one stream, counts. Thread safe; throws StorageError.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/event.h"
#include "service/query/page.h"
#include "service/storage/sql.h"
#include "service/storage/timeline.h"

namespace billhook::query {

// The event as callers see it. The payload is the stored text, byte for byte.
std::string EventBody(const RecordedEvent& recorded);

enum class TimeAxis { kOccurred, kRecorded };

struct EventFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::optional<std::int64_t> after_position;
  std::optional<std::string> aggregate_type;
  std::optional<std::string> event_type;
  std::optional<std::string> source;
  std::optional<std::string> caused_by;
  std::optional<UnixMicros> from;  // both inclusive
  std::optional<UnixMicros> to;
  TimeAxis axis = TimeAxis::kOccurred;
};

// In order of position, which is also the cursor's key. Unless it asks for `caused_by`, which is indexed, it
// looks at kMaxEventsLookedAt positions of the log at most: it may end early, with a cursor to go on with.
// Without any filter it begins where the tenant has something.
constexpr std::size_t kEventKeyParts = 1;
constexpr std::int64_t kMaxEventsLookedAt = 10'000;
Page ListEvents(storage::Database& database, const EventFilter& filter, const PageRequest& request);

// The events at the positions from `first` to `last`, in order: what one append has recorded.
std::vector<RecordedEvent> ReadRange(storage::Database& database, std::int64_t first, std::int64_t last,
                                     const storage::Timeline& timeline = {});

// The aggregate types under which the ID has a stream.
std::vector<std::string> TypesOf(storage::Database& database, const std::string& tenant,
                                 const std::string& aggregate_id, const storage::Timeline& timeline = {});

struct StreamFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::string aggregate_type;
  std::string aggregate_id;
  std::int64_t from_version = 1;
  std::optional<std::int64_t> to_version;
};
// In order of version, which is also the cursor's key.
Page ListStream(storage::Database& database, const StreamFilter& filter, const PageRequest& request);

// How many events there are, by event type and aggregate type. Always true to the log: what the read model
// `statistics` has not seen yet is counted on the way, and what a branch does not have is taken away.
using TypeCounts = std::map<std::pair<std::string, std::string>, std::int64_t>;
TypeCounts CountTypes(storage::Session& session, const std::string& tenant,
                      const storage::Timeline& timeline);

struct Statistics {
  std::int64_t total = 0;
  std::map<std::string, std::int64_t> by_event_type;
  std::map<std::string, std::int64_t> by_aggregate_type;
  std::int64_t latest_position = 0;
};
Statistics StatisticsOf(storage::Database& database, const std::string& tenant,
                        const storage::Timeline& timeline = {});
// As callers see them.
std::string StatisticsBody(const Statistics& statistics);

// The position of the last event of the log.
std::int64_t LatestPosition(storage::Database& database);

}  // namespace billhook::query
