// Group commit: requests that arrive while a commit is under way are committed together by the next one. One
// writer thread; each caller waits for its own outcome, which comes only after the commit is durable. The
// queue is bounded, and so is the wait. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
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
  std::chrono::microseconds linger{0};        // how long a commit waits for more requests
  std::size_t batch_bytes_max = 16 << 20;     // payload a commit, but for one request that is larger
  std::size_t queue_bytes_max = 64 << 20;     // payload that waits; what would be more is refused
  std::size_t queue_max = 4096;               // requests that wait; one more is refused
  std::chrono::milliseconds wait_max{8'000};  // how long a caller waits for its outcome
  // Each caller holds a thread that others need too: while one commit takes longer than `stuck_after`, no
  // more than `patient_max` wait on, and the rest are let go.
  std::size_t patient_max = 4096;
  std::chrono::milliseconds stuck_after{1'000};
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
  using OnCommit = std::function<void(const CommitReport&)>;
  using OnFailure = std::function<void(const StorageError&)>;

  // Both callbacks run on the writer's thread.
  GroupCommit(EventStore& store, GroupCommitOptions options, Clock clock, OnCommit on_commit,
              OnFailure on_failure);
  // Stops as Stop does.
  ~GroupCommit();

  // Blocks until the request's outcome is durable, or refuses.
  Result<AppendOutcome, Refusal> Append(AppendRequest request);

  // The same for several requests at once, which share a commit where they can: an outcome each, in their
  // order, in which they also take their places in the log. Each is recorded or not by itself.
  std::vector<Result<AppendOutcome, Refusal>> AppendAll(std::vector<AppendRequest> requests);

  // Refuses new requests, commits those that wait, and ends the writer.
  void Stop();

  [[nodiscard]] std::size_t queue_depth() const;

 private:
  struct Waiting {
    AppendRequest request;
    std::size_t bytes = 0;  // of payload
    std::promise<Result<AppendOutcome, Refusal>> outcome;
  };
  using Batch = std::vector<std::shared_ptr<Waiting>>;

  using Outcome = std::future<Result<AppendOutcome, Refusal>>;
  using SteadyClock = std::chrono::steady_clock;
  static constexpr SteadyClock::time_point kNoCommit = SteadyClock::time_point::max();

  // Whether it waits now; else why not. The queue is locked.
  std::optional<Refusal> Enqueue(const std::shared_ptr<Waiting>& waiting, bool patient);
  void Write();
  // Takes it out of the queue; false if the writer has it already.
  bool Withdraw(const std::shared_ptr<Waiting>& waiting);
  // Whether the outcome came in time; who is not patient gives up on a commit that is stuck.
  bool Await(const Outcome& outcome, SteadyClock::time_point deadline, bool patient) const;
  [[nodiscard]] bool Stuck() const;
  Batch TakeBatch();
  void Commit(const Batch& batch);
  void Fail(const Batch& batch, const StorageError& error);

  EventStore& store_;
  GroupCommitOptions options_;
  Clock clock_;
  OnCommit on_commit_;
  OnFailure on_failure_;

  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Waiting>> queue_;
  std::size_t queue_bytes_ = 0;
  std::size_t callers_ = 0;  // that wait for their outcomes
  std::atomic<SteadyClock::time_point> commit_began_{kNoCommit};
  bool stopping_ = false;
  std::once_flag stopped_;
  std::thread writer_;
};

}  // namespace billhook::ingest
