// The rows of every projection with their checkpoints, over either engine. A step reads a batch of the log,
// lets the projection compute its changes and writes these together with the checkpoint in one transaction,
// so that a crash repeats or keeps a step but never splits it. Each row belongs to a generation: readers see
// the live one, a rebuild fills the next. Thread safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "projections/projection.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// Stands in SQL for the generation that readers of the projection named by the parameter see, e.g. "WHERE
// generation = " ...
std::string LiveGeneration(std::string_view name_parameter);

struct RebuildStatus {
  std::int64_t processed = 0;
  std::int64_t total = 0;
  UnixMicros started_at = 0;
};

struct ProjectionStatus {
  std::string name;
  int version = 0;
  std::int64_t position = 0;  // the last position that readers see
  std::int64_t head = 0;      // the last position of the log
  std::int64_t dead_letters = 0;
  std::optional<std::string> last_error;
  std::optional<RebuildStatus> rebuild;
};

// What one step did.
struct Step {
  enum class Outcome {
    kAdvanced,   // a batch was applied: there may be more
    kCaughtUp,   // nothing to do
    kElsewhere,  // another process advances this projection
  };
  Outcome outcome = Outcome::kCaughtUp;
  std::int64_t position = 0;  // what readers see after the step
  std::size_t events = 0;     // of the batch
  std::size_t dead_letters = 0;
};

// What became of another attempt at a dead letter.
enum class Retry { kApplied, kFailedAgain, kNotFound, kSuperseded };

class ReadModels {
 public:
  explicit ReadModels(Database& database) : database_(database) {}

  // Makes sure that each projection is known; one whose version changed asks for its rebuild by itself.
  void Register(const std::vector<const Projection*>& projections, UnixMicros now);

  // Applies the next batch of at most `batch` events to what readers see, then to a rebuild under way, and
  // clears away what a finished rebuild left behind. Throws StorageError.
  Step Advance(const Projection& projection, std::size_t batch, UnixMicros now);

  // Applies the tenant's event at that position again, alone: since the outcome is the same for every order
  // of events, it ends as if it had never failed. Its dead letter goes, or counts one attempt more.
  // kSuperseded: what readers see was made by another version of the projection, and a rebuild tries all
  // events anyway. No other step of the projection may run in this process meanwhile. Throws StorageError.
  Retry RetryDeadLetter(const Projection& projection, const std::string& tenant, std::int64_t position,
                        UnixMicros now);
  // Forgets a dead letter; the event stays in the log, and a rebuild meets it again. False if there is none.
  bool RemoveDeadLetter(const std::string& projection, const std::string& tenant, std::int64_t position);

  // False if one is under way already.
  bool StartRebuild(const Projection& projection, UnixMicros now);

  std::optional<ProjectionStatus> StatusOf(const std::string& name);
  void NoteError(const std::string& name, const std::optional<std::string>& error);

 private:
  Database& database_;
};

}  // namespace billhook::storage
