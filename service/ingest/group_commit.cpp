#include "service/ingest/group_commit.h"

#include <algorithm>

namespace billhook::ingest {

GroupCommit::GroupCommit(EventStore& store, GroupCommitOptions options, Clock clock, OnCommit on_commit,
                         OnFailure on_failure)
    : store_(store),
      options_(options),
      clock_(std::move(clock)),
      on_commit_(std::move(on_commit)),
      on_failure_(std::move(on_failure)),
      writer_([this] { Write(); }) {}

GroupCommit::~GroupCommit() {
  Stop();
}

Result<AppendOutcome, Refusal> GroupCommit::Append(AppendRequest request) {
  std::vector<AppendRequest> requests;
  requests.push_back(std::move(request));
  return AppendAll(std::move(requests)).front();
}

std::vector<Result<AppendOutcome, Refusal>> GroupCommit::AppendAll(std::vector<AppendRequest> requests) {
  Batch batch;
  std::vector<Outcome> outcomes;
  for (AppendRequest& request : requests) {
    const auto& waiting = batch.emplace_back(std::make_shared<Waiting>());
    waiting->request = std::move(request);
    for (const billhook::Append& append : waiting->request) waiting->bytes += append.event.payload.size();
    outcomes.push_back(waiting->outcome.get_future());
  }
  const auto deadline = SteadyClock::now() + options_.wait_max;
  bool patient = false;
  {
    const std::lock_guard lock(mutex_);
    patient = ++callers_ <= options_.patient_max;
    for (const auto& waiting : batch) {
      if (const std::optional<Refusal> refusal = Enqueue(waiting, patient))
        waiting->outcome.set_value(Unexpected(*refusal));
    }
  }
  arrived_.notify_one();
  std::vector<Result<AppendOutcome, Refusal>> answers;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (Await(outcomes[i], deadline, patient)) {
      answers.push_back(outcomes[i].get());
    } else {
      answers.emplace_back(Unexpected(Withdraw(batch[i]) ? Refusal::kUnavailable : Refusal::kInDoubt));
    }
  }
  const std::lock_guard lock(mutex_);
  --callers_;
  return answers;
}

std::optional<Refusal> GroupCommit::Enqueue(const std::shared_ptr<Waiting>& waiting, bool patient) {
  if (stopping_) return Refusal::kStopping;
  const bool full = queue_.size() >= options_.queue_max ||
                    (!queue_.empty() && queue_bytes_ + waiting->bytes > options_.queue_bytes_max);
  if (full || (!patient && Stuck())) return Refusal::kQueueFull;
  queue_.push_back(waiting);
  queue_bytes_ += waiting->bytes;
  return std::nullopt;
}

bool GroupCommit::Await(const Outcome& outcome, SteadyClock::time_point deadline, bool patient) const {
  do {
    const auto look_up = patient ? deadline : std::min(deadline, SteadyClock::now() + options_.stuck_after);
    if (outcome.wait_until(look_up) == std::future_status::ready) return true;
  } while (SteadyClock::now() < deadline && !Stuck());
  return false;
}

bool GroupCommit::Stuck() const {
  return SteadyClock::now() - commit_began_.load() > options_.stuck_after;
}

bool GroupCommit::Withdraw(const std::shared_ptr<Waiting>& waiting) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find(queue_.begin(), queue_.end(), waiting);
  if (at == queue_.end()) return false;
  queue_bytes_ -= waiting->bytes;
  queue_.erase(at);
  return true;
}

void GroupCommit::Stop() {
  std::call_once(stopped_, [this] {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_all();
    writer_.join();
  });
}

std::size_t GroupCommit::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void GroupCommit::Write() {
  while (true) {
    const Batch batch = TakeBatch();
    if (!batch.empty()) {
      commit_began_ = SteadyClock::now();
      Commit(batch);
      commit_began_ = kNoCommit;
      continue;
    }
    const std::lock_guard lock(mutex_);
    if (stopping_ && queue_.empty()) return;
  }
}

// Waits for requests; empty when stopping and all are done, or when they were withdrawn meanwhile.
GroupCommit::Batch GroupCommit::TakeBatch() {
  std::unique_lock lock(mutex_);
  arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  if (options_.linger.count() > 0 && !stopping_) {
    arrived_.wait_for(lock, options_.linger,
                      [this] { return stopping_ || queue_.size() >= options_.batch_max; });
  }
  Batch batch;
  std::size_t bytes = 0;
  while (!queue_.empty() && batch.size() < options_.batch_max) {
    bytes += queue_.front()->bytes;
    if (!batch.empty() && bytes > options_.batch_bytes_max) break;
    queue_bytes_ -= queue_.front()->bytes;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void GroupCommit::Commit(const Batch& batch) {
  std::vector<const AppendRequest*> requests;
  requests.reserve(batch.size());
  for (const auto& waiting : batch) requests.push_back(&waiting->request);
  const auto start = std::chrono::steady_clock::now();
  std::vector<AppendOutcome> outcomes;
  try {
    outcomes = store_.AppendBatch(requests, clock_());
  } catch (const StorageError& error) {
    Fail(batch, error);
    return;
  } catch (const std::exception& error) {  // the writer's outermost loop: nothing may end it
    Fail(batch, StorageError(error.what(), false));
    return;
  }
  CommitReport report{batch.size(), 0, std::chrono::steady_clock::now() - start, 0};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto* recorded = std::get_if<Recorded>(&outcomes[i])) {
      report.events += recorded->positions.size();
      report.last_position = recorded->positions.back();
    }
    batch[i]->outcome.set_value(std::move(outcomes[i]));
  }
  on_commit_(report);
}

// One request that storage will never take must not spoil the others that happen to share its commit.
void GroupCommit::Fail(const Batch& batch, const StorageError& error) {
  if (!error.retryable() && batch.size() > 1) {
    for (const auto& waiting : batch) Commit({waiting});
    return;
  }
  on_failure_(error);
  const Refusal refusal = error.retryable() ? Refusal::kUnavailable : Refusal::kRejected;
  for (const auto& waiting : batch) waiting->outcome.set_value(Unexpected(refusal));
}

}  // namespace billhook::ingest
