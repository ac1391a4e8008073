// Takes a snapshot of each aggregate at every so many events: one thread follows the log, is woken by appends
// of this process and looks for those of others now and then. What it misses costs time, never truth. Thread
// safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "service/clock.h"
#include "service/storage/sql.h"

namespace billhook::snapshots {

class Snapshotter {
 public:
  using OnFailure = std::function<void(const std::string& what)>;

  // A snapshot at every version that `frequency` divides; 0 = never, and Start does nothing.
  Snapshotter(storage::Database& database, std::int64_t frequency, Clock clock, OnFailure on_failure);
  ~Snapshotter();
  Snapshotter(const Snapshotter&) = delete;
  Snapshotter& operator=(const Snapshotter&) = delete;

  // Starts the thread. Without it, RunOnce goes on by hand (tests).
  void Start();
  void Stop();
  // New events may be in the log.
  void Wake();

  // Looks through a stretch of the log and takes what falls due in it; false at the log's end.
  bool RunOnce();

 private:
  void Run();
  void SaveProgress();

  storage::Database& database_;
  std::int64_t frequency_;
  Clock clock_;
  OnFailure on_failure_;
  std::int64_t position_ = -1;  // looked through up to here; -1: not known yet
  std::int64_t saved_ = 0;      // as the database knows it

  std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace billhook::snapshots
