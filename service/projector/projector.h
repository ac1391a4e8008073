// Keeps the read models up with the log: one thread applies batch after batch to all of them together, is
// woken by appends and looks for those it was not told of now and then. A projection that fails, is far
// behind or is being rebuilt goes its own way, on a thread of its own, until it stands well again: it holds
// up nobody. When a step together fails, all go their own ways, which finds out who it was. Batches grow
// while there is a backlog; close to the log's end steps keep a short pause, so that they take many appends
// at once, unless a caller waits here for a position to become visible. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "service/clock.h"
#include "service/storage/read_models.h"

namespace billhook {

struct ProjectorOptions {
  std::size_t batch = 256;  // events a transaction; twice as many behind a step that took less than this and
  std::chrono::milliseconds quick_step{200};      // did not come to the log's end
  std::chrono::milliseconds pace{40};             // from one step to the next where nobody waits for it
  std::chrono::milliseconds poll{200};            // how often to look for appends that nobody tells of
  std::chrono::milliseconds safety_poll{2'000};   // the same where other processes tell of theirs
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

  // One step of one projection by itself, on the caller's thread.
  storage::Step RunOnce(const Projection& projection);
  // One step of all that go together, on the caller's thread; whether there is more to do for them.
  bool RunTogether();

  // Another attempt at a dead letter, between two steps of its projection.
  storage::Retry RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                 std::int64_t position);

  // The same for the tenant's dead letters behind a place, in their order, as many as a call may try.
  struct Retried {
    std::int64_t applied = 0;
    std::int64_t failed = 0;
    std::optional<storage::DeadLetterPlace> next;  // where to go on, while there are more
  };
  Retried RetryDeadLetters(const std::string& tenant, const std::optional<std::string>& projection,
                           const storage::DeadLetterPlace& after);

  // New events may be in the log.
  void Wake();
  // Another process has advanced the projection: its readers see this position.
  void NoteVisible(const std::string& projection, std::int64_t position);
  // Whether each append leads to a Wake, wherever it happens. Until this says so, none is relied on.
  void RelyOnWakes(bool rely);

  // Lets all callers of WaitFor go, now and from now on.
  void ReleaseWaiters();

  // Waits until readers of the projection see `position`, at most until `deadline`; whether they do, which
  // the database confirms. Where too many wait already, it answers at once. Throws StorageError.
  bool WaitFor(const std::string& projection, std::int64_t position,
               std::chrono::steady_clock::time_point deadline);

  [[nodiscard]] const std::vector<const Projection*>& projections() const { return projections_; }
  [[nodiscard]] const Projection* Find(std::string_view name) const;

 private:
  using SteadyClock = std::chrono::steady_clock;

  // How many events the next step takes at most.
  struct Batch {
    std::size_t size = 0;
    void Adapt(const ProjectorOptions& options, bool more, SteadyClock::time_point begin);
  };

  struct Progress {
    const Projection* projection = nullptr;
    std::int64_t position = 0;  // what readers see, as far as was heard
    std::size_t waiters = 0;    // callers of WaitFor
    bool apart = false;         // whether it goes its own way
    Batch batch;
    std::mutex step;  // held while the projection's rows are changed
    std::thread thread;
  };

  void Run();
  void RunApart(Progress& progress);
  // One step of the projection by itself; throws what it throws.
  storage::Step Advance(Progress& progress);
  void SetApart(const std::vector<Progress*>& some, bool apart);
  // Until there may be something to do for that one, or without one for those that go together; `woken`
  // counts the wakes before the last step.
  void AwaitWork(const Progress* one, std::uint64_t woken, SteadyClock::time_point next_step);
  void Publish(Progress& progress, std::int64_t position);
  // Waits until that position is heard of; what was heard, unless it is less.
  std::optional<std::int64_t> AwaitPublished(Progress& progress, std::int64_t position,
                                             SteadyClock::time_point deadline);
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
  std::condition_variable parted_;   // a projection has to go its own way
  std::condition_variable hurried_;  // somebody waits: no pause between steps
  std::condition_variable advanced_;
  std::uint64_t wakes_ = 0;
  bool rely_on_wakes_ = false;
  bool stopping_ = false;
  bool released_ = false;
  std::size_t waiters_ = 0;
  std::vector<std::unique_ptr<Progress>> progress_;
  Batch batch_;  // of the steps together
  std::thread thread_;
};

}  // namespace billhook
