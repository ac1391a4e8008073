// The append-only log over either engine: the event store's port and its readers. Thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/event_store.h"
#include "projections/projection.h"
#include "service/storage/timeline.h"

namespace billhook::storage {

class LogTail;

// The columns of RecordedEvent, in the order that EventFrom expects.
extern const std::string kEventColumns;
RecordedEvent EventFrom(Rows& rows, std::size_t row);
std::vector<RecordedEvent> EventsFrom(Rows rows);

// What stands behind the columns of a SELECT that reads a run of the log behind $1, in order: at most $2
// events and $3 bytes of payload, or one event that is larger.
extern const std::string kFromARunOfTheLog;

// What to throw where a row of events is none that billhook wrote.
[[noreturn]] void ThrowDamaged(std::int64_t position);

// The events at these positions, in order of position.
std::vector<RecordedEvent> EventsAt(Session& session, const Timeline& timeline,
                                    const std::vector<std::int64_t>& positions);

// The positions in runs, in order, whose events hold at most kMaxReadBytes of payload, or one that is larger.
std::vector<std::vector<std::int64_t>> RunsOf(Session& session, const Timeline& timeline,
                                              const std::vector<std::int64_t>& positions);

// The last position that was recorded at or before `at`, at most `head`, where the log stands; 0 for none.
std::int64_t PositionAt(Session& session, std::int64_t head, UnixMicros at);

// No read of the log takes more payload than this into memory at a time, but for one event that is larger
// alone.
constexpr std::int64_t kMaxReadBytes = 8 << 20;

// At most `limit` events and kMaxReadBytes with position > `after_position`, in order.
std::vector<RecordedEvent> ReadLog(Session& session, std::int64_t after_position, std::size_t limit);
// The same without the payloads that the projection does not read.
std::vector<RecordedEvent> ReadLogFor(Session& session, const Projection& projection,
                                      std::int64_t after_position, std::size_t limit);
// The events at these positions, in no particular order.
std::vector<RecordedEvent> ReadEventsAt(Session& session, const std::vector<std::int64_t>& positions);

struct StreamName {
  std::string_view tenant;
  std::string_view aggregate_type;
  std::string_view aggregate_id;
};
// A run of the stream behind `version`, in order of version: a few hundred events and kMaxReadBytes at most,
// or one that is larger.
std::vector<RecordedEvent> ReadStream(Session& session, const Timeline& timeline, const StreamName& stream,
                                      std::int64_t version);

// Why an event of another log cannot be taken over.
struct RestoreRefusal {
  std::int64_t position = 0;  // as the event says
  std::string what;
};

struct LogHead {
  std::int64_t position = 0;
  Digest checksum{};
};

class EventLog : public EventStore {
 public:
  // `tail` hears of what is appended here, once it is durable; nullptr: nobody in this process follows the
  // log.
  explicit EventLog(Database& database, LogTail* tail = nullptr) : database_(database), tail_(tail) {}

  std::vector<AppendOutcome> AppendBatch(const std::vector<const AppendRequest*>& requests,
                                         UnixMicros now) override;
  std::vector<RecordedEvent> ReadLog(std::int64_t after_position, std::size_t limit) override;
  std::int64_t LatestPosition() override;

  // Commits a run of events as another log had recorded them: positions, versions, IDs, times and checksums
  // stay. Each must chain on to the one before, the first to the head. Nothing: all are in. Otherwise the
  // first that cannot follow; those before it are in, none after it.
  std::optional<RestoreRefusal> Restore(const std::vector<RecordedEvent>& run);
  // The last event's position and checksum; 0 and kGenesis for an empty log.
  LogHead Head();

 private:
  Database& database_;
  LogTail* tail_;
};

}  // namespace billhook::storage
