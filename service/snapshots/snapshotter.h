// Takes a snapshot of each aggregate at every so many events: one thread follows the log, is woken by appends
// of this process and looks for those of others now and then. What it misses costs time, never truth. Thread
// safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/clock.h"
#include "service/query/aggregate_state.h"
#include "service/storage/log_tail.h"
#include "service/storage/sql.h"
#include "service/worker.h"

namespace billhook::snapshots {

class Snapshotter {
 public:
  // A snapshot at every version that `frequency` divides; 0 = never, and Start does nothing.
  Snapshotter(storage::Database& database, storage::LogTail& tail, std::int64_t frequency, Clock clock,
              Worker::OnFailure on_failure);

  // Starts the thread. Without it, RunOnce goes on by hand (tests).
  void Start();
  void Stop();
  // New events may be in the log.
  void Wake();

  // Looks through a stretch of the log and takes what falls due in it; false at the log's end.
  bool RunOnce();

 private:
  struct Due {
    query::Stream stream;
    std::int64_t version = 0;
  };

  // Of the events up to `end`.
  std::vector<Due> DueUpTo(std::int64_t end, storage::Session& session);
  void SaveProgress();

  storage::Database& database_;
  storage::LogTail& tail_;
  std::int64_t frequency_;
  Clock clock_;
  std::optional<std::string> server_;  // whose log is looked through; nothing: none yet
  std::int64_t position_ = 0;          // up to here
  std::int64_t saved_ = 0;             // as the database knows it

  Worker worker_;  // last: it ends before what it uses does
};

}  // namespace billhook::snapshots
