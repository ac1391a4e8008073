// Keeps the read models up with the log: one thread a projection applies batch after batch, is woken by
// appends of this process and looks for those of others now and then. Callers wait here for a position to
// become visible. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "service/clock.h"
#include "service/storage/read_models.h"

namespace billhook {

struct ProjectorOptions {
  std::size_t batch = 256;                        // events a transaction
  std::chrono::milliseconds poll{200};            // how often to look for other processes' appends
  std::chrono::milliseconds first_back_off{100};  // after a failure, doubled up to the longest
  std::chrono::milliseconds longest_back_off{5'000};
  std::size_t max_waiters = 8;  // callers of WaitFor at a time: each holds a thread that webhooks need too
};

class Projector {
 public:
  using OnStep = std::function<void(const Projection&, const storage::Step&)>;
  using OnFailure = std::function<void(const Projection&, const std::string& what)>;

  Projector(storage::ReadModels& read_models, std::vector<const Projection*> projections,
            ProjectorOptions options, Clock clock, OnStep on_step, OnFailure on_failure);
  ~Projector();

  // Starts the threads. Without it, RunOnce advances by hand (tests).
  void Start();
  // Lets each thread finish its batch and ends it.
  void Stop();

  // One step of one projection on the caller's thread.
  storage::Step RunOnce(const Projection& projection);

  // Another attempt at a dead letter, between two steps of its projection.
  storage::Retry RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                 std::int64_t position);

  // New events may be in the log.
  void Wake();

  // Lets all callers of WaitFor go, now and from now on.
  void ReleaseWaiters();

  // Waits until readers of the projection see `position`, at most until `deadline`; whether they do. Where
  // too many wait already, it answers at once.
  bool WaitFor(const std::string& projection, std::int64_t position,
               std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] const std::vector<const Projection*>& projections() const { return projections_; }
  [[nodiscard]] const Projection* Find(std::string_view name) const;

 private:
  struct Progress {
    const Projection* projection = nullptr;
    std::int64_t position = 0;
    bool failing = false;
    std::mutex step;  // held while the projection's rows are changed
    std::thread thread;
  };

  void Run(Progress& progress);
  void Publish(Progress& progress, std::int64_t position);
  Progress* ProgressOf(std::string_view name);
  void NoteFailing(Progress& progress, const std::string& what);

  storage::ReadModels& read_models_;
  std::vector<const Projection*> projections_;
  ProjectorOptions options_;
  Clock clock_;
  OnStep on_step_;
  OnFailure on_failure_;

  std::mutex mutex_;
  std::condition_variable appended_;
  std::condition_variable advanced_;
  std::uint64_t wakes_ = 0;
  bool stopping_ = false;
  bool released_ = false;
  std::size_t waiters_ = 0;
  std::vector<std::unique_ptr<Progress>> progress_;
};

}  // namespace billhook
