// Group commit: requests that arrive while a commit is under way are committed together by the next one.
// Where several callers were at it, that one gives those just answered a moment to come again, so that more
// share a commit; who is alone never waits, and may commit on his own thread, for to wake another costs time.
// Else a thread of its own does. One commit at a time; an outcome comes only after it is durable. The queue
// is bounded, and so is the wait. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "domain/event_store.h"
#include "domain/result.h"
#include "service/clock.h"

namespace billhook::ingest {

struct GroupCommitOptions {
  std::size_t batch_max = 256;                // requests a commit
  std::chrono::microseconds linger{0};        // how long a commit waits for callers to come again
  std::size_t batch_bytes_max = 16 << 20;     // payload a commit, but for one request that is larger
  std::size_t queue_bytes_max = 64 << 20;     // payload that waits; what would be more is refused
  std::size_t queue_max = 4096;               // requests that wait; one more is refused
  std::chrono::milliseconds wait_max{8'000};  // how long an outcome is waited for
  // A caller that blocks holds a thread that others need too: while one commit takes longer than
  // `stuck_after`, no more than `patient_max` of them wait on, and the rest are let go.
  std::size_t patient_max = 4096;
  std::chrono::milliseconds stuck_after{1'000};
  // Whether who is alone and does not block commits on his own thread, for which there must be others beside
  // it: what is under way for too long is answered meanwhile.
  bool callers_commit = false;
};

// Why nothing may be taken for recorded. After kUnavailable and kInDoubt the event may be recorded all the
// same.
enum class Refusal {
  kQueueFull,
  kStopping,
  kUnavailable,  // storage failed in a way that may pass
  kInDoubt,      // no outcome within the wait
  kRejected,     // storage refuses this request and always will: our bug
};

// What a commit was, for whoever counts.
struct CommitReport {
  std::size_t requests = 0;
  std::size_t events = 0;  // recorded
  std::chrono::nanoseconds duration{0};
  std::int64_t last_position = 0;  // 0 if nothing was recorded
};

class GroupCommit {
 public:
  using Outcome = Result<AppendOutcome, Refusal>;
  using Done = std::function<void(Outcome)>;
  using OnCommit = std::function<void(const CommitReport&)>;
  using OnFailure = std::function<void(const StorageError&)>;

  // Both callbacks run on the thread that commits, one call at a time.
  GroupCommit(EventStore& store, GroupCommitOptions options, Clock clock, OnCommit on_commit,
              OnFailure on_failure);
  // Stops as Stop does.
  ~GroupCommit();

  // `done` hears the outcome once it is durable, or the refusal: exactly once, maybe before this returns,
  // which may take a commit, maybe on a thread that others wait for too, so it must be quick. It never
  // throws.
  void AppendLater(AppendRequest request, Done done);

  // Blocks until the request's outcome is durable, or refuses.
  Outcome Append(AppendRequest request);

  // The same for several requests at once, which share a commit where they can: an outcome each, in their
  // order, in which they also take their places in the log. Each is recorded or not by itself.
  std::vector<Outcome> AppendAll(std::vector<AppendRequest> requests);

  // From then on nobody waits any more: who stops must answer all in time.
  void LetGoAt(std::chrono::steady_clock::time_point time) { let_go_at_ = time; }
  // Refuses new requests, commits those that wait, and ends the writer.
  void Stop();

  [[nodiscard]] std::size_t queue_depth() const;

 private:
  using SteadyClock = std::chrono::steady_clock;
  static constexpr SteadyClock::time_point kNoCommit = SteadyClock::time_point::max();

  struct Waiting {
    Waiting(AppendRequest appended, Done on_outcome);
    // Says the outcome unless another was said before: the writer may come too late.
    void Say(Outcome outcome);

    const AppendRequest request;
    std::size_t bytes = 0;  // of payload
    SteadyClock::time_point deadline;
    bool patient = true;  // waits on while a commit is stuck

   private:
    Done done_;
    std::atomic<bool> said_{false};
  };
  using Batch = std::vector<std::shared_ptr<Waiting>>;

  // `may_commit`: on this thread, if nobody else is there.
  void Enqueue(const Batch& batch, bool may_commit);
  // Why it may not wait, if so. The queue is locked.
  std::optional<Refusal> Refuse(const Waiting& waiting) const;
  [[nodiscard]] bool Stuck() const;
  void Write();
  // Takes the next batch, which is then under way. The queue is locked.
  void TakeBatch();
  // Commits what is under way. Nothing may be thrown: no commit could follow.
  void CommitTaken() noexcept;
  void Commit(const Batch& batch);
  void Fail(const Batch& batch, const StorageError& error);
  void Watch();
  // Takes those out of the queue that have waited long enough.
  Batch Withdraw(SteadyClock::time_point now);
  [[nodiscard]] bool IsOver(const Waiting& waiting, SteadyClock::time_point now) const;

  EventStore& store_;
  GroupCommitOptions options_;
  Clock clock_;
  OnCommit on_commit_;
  OnFailure on_failure_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable watch_;
  std::deque<std::shared_ptr<Waiting>> queue_;
  std::size_t queue_bytes_ = 0;
  std::size_t seen_ = 1;     // requests under way when the last commit was done: its own and those behind it
  std::size_t wanted_ = 1;   // requests in the queue that the writer is woken for
  Batch committing_;         // under way, by the writer or by who was alone
  std::size_t callers_ = 0;  // that block
  bool watches_ = false;     // looks at what waits now and then
  bool written_ = false;     // all that ever will be
  std::atomic<SteadyClock::time_point> commit_began_{kNoCommit};
  std::atomic<SteadyClock::time_point> let_go_at_{SteadyClock::time_point::max()};
  bool stopping_ = false;
  std::once_flag stopped_;
  std::thread writer_;
  std::thread watcher_;  // of the time
};

}  // namespace billhook::ingest
