// The rows of every projection with their checkpoints, over either engine. A step reads a batch of the log,
// lets the projection compute its changes and writes these together with the checkpoint in one transaction,
// so that a crash repeats or keeps a step but never splits it. Each row belongs to a generation: readers see
// the live one, a rebuild fills the next. Whoever advances a generation holds its checkpoint's row until the
// transaction ends, which frees it however the process dies; other processes pass it by. Thread safe.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "projections/projection.h"
#include "service/storage/log_tail.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// Stands in SQL for the generation that readers of the projection named by the parameter see, e.g. "WHERE
// generation = " ...
std::string LiveGeneration(std::string_view name_parameter);

struct RebuildStatus {
  std::int64_t processed = 0;
  std::int64_t total = 0;
  UnixMicros started_at = 0;
  // When, and from which position on, the process that does it took it up.
  UnixMicros resumed_at = 0;
  std::int64_t resumed_from = 0;
};

// How fast a rebuild goes since it was taken up, and how long it will take on; that is unknown without a
// rate.
struct RebuildPace {
  std::int64_t rate_per_second = 0;
  std::optional<std::int64_t> remaining_seconds;
};
RebuildPace PaceOf(const RebuildStatus& rebuild, UnixMicros now);

struct ProjectionStatus {
  std::string name;
  int version = 0;
  std::int64_t position = 0;  // the last position that readers see
  std::int64_t head = 0;      // the last position of the log
  std::int64_t dead_letters = 0;
  std::optional<std::string> last_error;
  std::optional<RebuildStatus> rebuild;
};

// An event that a projection could not use.
struct SetAside {
  std::int64_t position = 0;
  std::string event_id;
  std::string event_type;
};

std::vector<SetAside> SetAsideBy(const Changes& changes);

// What one step did.
struct Step {
  enum class Outcome {
    kAdvanced,   // a batch was applied: there may be more
    kCaughtUp,   // nothing to do
    kElsewhere,  // another process advances this projection
  };
  Outcome outcome = Outcome::kCaughtUp;
  std::int64_t position = 0;  // what readers see after the step
  bool more = false;          // whether there is work left that is known of
  bool apart = false;         // whether it needs steps of its own: Advance
  std::size_t events = 0;     // of the batch
  std::vector<SetAside> dead_letters;
};

// What became of another attempt at a dead letter.
enum class Retry { kApplied, kFailedAgain, kNotFound, kSuperseded };

// What became of asking for a rebuild. kSuperseded: what readers see was made, or is being made, by a newer
// version of the projection than this process knows.
enum class RebuildStart { kBegun, kUnderWay, kSuperseded };

struct DeadLetterPlace {
  std::int64_t position = 0;
  std::string projection;
};

struct Standing;

class ReadModels {
 public:
  explicit ReadModels(Database& database) : database_(database) {}

  // Makes sure that each projection is known; one whose version changed asks for its rebuild by itself.
  void Register(const std::vector<const Projection*>& projections, UnixMicros now);

  // Applies the next batch of at most `batch` events to what readers see, then to a rebuild under way, and
  // clears away what a finished rebuild left behind. Only rows of the version that `projection` is are
  // touched. An event whose outcome the database refuses is found and becomes a dead letter. Throws
  // StorageError.
  Step Advance(const Projection& projection, std::size_t batch, UnixMicros now);

  // The same for several projections that stand well, which is to say about where the foremost does, and with
  // nothing to do but follow the log: they share one reading of it and one transaction, so that an event
  // costs little. A step each, in their order; who does not stand well is left out, `apart`. Throws what any
  // of them throws, or StorageError: then none has advanced, and Advance finds out who it was.
  std::vector<Step> AdvanceTogether(const std::vector<const Projection*>& projections, std::size_t batch,
                                    UnixMicros now);

  // Applies the tenant's event at that position again, alone: since the outcome is the same for every order
  // of events, it ends as if it had never failed. Its dead letter goes, or counts one attempt more.
  // kSuperseded: what readers see was made by another version of the projection, and a rebuild tries all
  // events anyway. No other step of the projection may run in this process meanwhile. Throws StorageError.
  Retry RetryDeadLetter(const Projection& projection, const std::string& tenant, std::int64_t position,
                        UnixMicros now);
  // Forgets a dead letter; the event stays in the log, and a rebuild meets it again. False if there is none.
  bool RemoveDeadLetter(const std::string& projection, const std::string& tenant, std::int64_t position);

  // The tenant's dead letters that readers see, of one projection or of all, behind that place, in order of
  // position and projection.
  std::vector<DeadLetterPlace> DeadLettersAfter(const std::string& tenant,
                                                const std::optional<std::string>& projection,
                                                const DeadLetterPlace& after, std::size_t limit);

  // One rebuild of a version of a projection at a time. `back` also takes readers back to an older version
  // than they see: where a release is undone.
  RebuildStart StartRebuild(const Projection& projection, UnixMicros now, bool back = false);

  // The last position that readers of this projection see, which must be known. Throws StorageError.
  std::int64_t PositionOf(const std::string& name);
  std::optional<ProjectionStatus> StatusOf(const std::string& name);
  void NoteError(const std::string& name, const std::optional<std::string>& error);

  // What they know of the log's end, for whoever appends in this process.
  [[nodiscard]] LogTail& tail() { return tail_; }

 private:
  // As it stood before; what was done is added to `step`.
  Standing AdvanceLive(const Projection& projection, std::size_t batch, UnixMicros now, Step& step);
  void AdvanceRebuild(const Projection& projection, std::size_t batch, UnixMicros now, Step& step);
  // A part of what a finished rebuild left behind.
  void ClearAway(const Projection& projection, Step& step);
  // Whether this process has taken that rebuild up before.
  bool IsRebuilding(const std::string& name, std::int64_t generation);
  // A nothing ends it.
  void NoteRebuilding(const std::string& name, std::optional<std::int64_t> generation);

  Database& database_;
  LogTail tail_;
  std::mutex mutex_;
  std::map<std::string, std::int64_t> rebuilding_;  // the generations that this process rebuilds
};

}  // namespace billhook::storage
