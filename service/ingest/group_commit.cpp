#include "service/ingest/group_commit.h"

#include <algorithm>
#include <future>

namespace billhook::ingest {

GroupCommit::Waiting::Waiting(AppendRequest appended, Done on_outcome)
    : request(std::move(appended)), done_(std::move(on_outcome)) {
  for (const billhook::Append& append : request) bytes += append.event.payload.size();
}

void GroupCommit::Waiting::Say(Outcome outcome) {
  if (!said_.exchange(true)) done_(std::move(outcome));
}

GroupCommit::GroupCommit(EventStore& store, GroupCommitOptions options, Clock clock, OnCommit on_commit,
                         OnFailure on_failure)
    : store_(store),
      options_(options),
      clock_(std::move(clock)),
      on_commit_(std::move(on_commit)),
      on_failure_(std::move(on_failure)),
      writer_([this] { Write(); }),
      watcher_([this] { Watch(); }) {}

GroupCommit::~GroupCommit() {
  Stop();
}

void GroupCommit::AppendLater(AppendRequest request, Done done) {
  Enqueue({std::make_shared<Waiting>(std::move(request), std::move(done))}, options_.callers_commit);
}

GroupCommit::Outcome GroupCommit::Append(AppendRequest request) {
  std::vector<AppendRequest> requests;
  requests.push_back(std::move(request));
  return AppendAll(std::move(requests)).front();
}

std::vector<GroupCommit::Outcome> GroupCommit::AppendAll(std::vector<AppendRequest> requests) {
  bool patient = false;
  {
    const std::lock_guard lock(mutex_);
    patient = ++callers_ <= options_.patient_max;
  }
  Batch batch;
  std::vector<std::future<Outcome>> outcomes;
  for (AppendRequest& request : requests) {
    const auto outcome = std::make_shared<std::promise<Outcome>>();
    outcomes.push_back(outcome->get_future());
    batch.push_back(std::make_shared<Waiting>(
        std::move(request), [outcome](Outcome said) { outcome->set_value(std::move(said)); }));
    batch.back()->patient = patient;
  }
  Enqueue(batch, false);
  std::vector<Outcome> answers;
  for (std::future<Outcome>& outcome : outcomes) answers.push_back(outcome.get());
  const std::lock_guard lock(mutex_);
  --callers_;
  return answers;
}

void GroupCommit::Enqueue(const Batch& batch, bool may_commit) {
  std::vector<std::pair<std::shared_ptr<Waiting>, Refusal>> refused;
  bool watched = false;
  bool wake = false;
  bool alone = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& waiting : batch) {
      if (const std::optional<Refusal> refusal = Refuse(*waiting)) {
        refused.emplace_back(waiting, *refusal);
        continue;
      }
      waiting->deadline = SteadyClock::now() + options_.wait_max;
      queue_.push_back(waiting);
      queue_bytes_ += waiting->bytes;
    }
    watched = std::exchange(watches_, true);
    alone =
        may_commit && seen_ == 1 && committing_.empty() && refused.empty() && queue_.size() == batch.size();
    wake = !alone && committing_.empty() && queue_.size() >= wanted_;
    if (alone) TakeBatch();
  }
  if (wake) arrived_.notify_one();
  if (!watched) watch_.notify_one();
  for (const auto& [waiting, refusal] : refused) waiting->Say(Unexpected(refusal));
  if (alone) CommitTaken();
}

std::optional<Refusal> GroupCommit::Refuse(const Waiting& waiting) const {
  if (stopping_) return Refusal::kStopping;
  const bool full = queue_.size() >= options_.queue_max ||
                    (!queue_.empty() && queue_bytes_ + waiting.bytes > options_.queue_bytes_max);
  if (full || (!waiting.patient && Stuck())) return Refusal::kQueueFull;
  return std::nullopt;
}

bool GroupCommit::Stuck() const {
  return SteadyClock::now() - commit_began_.load() > options_.stuck_after;
}

void GroupCommit::Stop() {
  std::call_once(stopped_, [this] {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    arrived_.notify_all();
    writer_.join();
    {
      const std::lock_guard lock(mutex_);
      written_ = true;
    }
    watch_.notify_all();
    watcher_.join();
  });
}

std::size_t GroupCommit::queue_depth() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void GroupCommit::Write() {
  const auto may_begin = [this] { return committing_.empty() && (stopping_ || !queue_.empty()); };
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, may_begin);
    wanted_ = std::min(seen_, options_.batch_max);
    arrived_.wait_for(lock, options_.linger, [this] { return stopping_ || queue_.size() >= wanted_; });
    wanted_ = 1;
    if (!may_begin()) continue;  // those in the queue were withdrawn meanwhile
    if (queue_.empty()) return;
    TakeBatch();
    lock.unlock();
    CommitTaken();
    lock.lock();
  }
}

void GroupCommit::TakeBatch() {
  std::size_t bytes = 0;
  while (!queue_.empty() && committing_.size() < options_.batch_max) {
    bytes += queue_.front()->bytes;
    if (!committing_.empty() && bytes > options_.batch_bytes_max) break;
    queue_bytes_ -= queue_.front()->bytes;
    committing_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  commit_began_ = SteadyClock::now();
}

void GroupCommit::CommitTaken() noexcept {
  Commit(committing_);  // who else looks at it does not change it
  commit_began_ = kNoCommit;
  Batch done;
  const std::lock_guard lock(mutex_);
  done.swap(committing_);
  if (stopping_ || !queue_.empty()) arrived_.notify_one();
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
  } catch (const std::exception& error) {  // whatever it is: those who wait must hear of it
    Fail(batch, StorageError(error.what(), false));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    seen_ = batch.size() + queue_.size();
  }
  CommitReport report{batch.size(), 0, std::chrono::steady_clock::now() - start, 0};
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (const auto* recorded = std::get_if<Recorded>(&outcomes[i])) {
      report.events += recorded->positions.size();
      report.last_position = recorded->positions.back();
    }
    batch[i]->Say(std::move(outcomes[i]));
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
  for (const auto& waiting : batch) waiting->Say(Unexpected(refusal));
}

// While the writer hangs in a commit, somebody else must tell those who wait that it takes too long.
void GroupCommit::Watch() {
  const auto pause = std::max<std::chrono::milliseconds>(
      std::chrono::milliseconds(1), std::min(options_.wait_max, options_.stuck_after) / 10);
  std::unique_lock lock(mutex_);
  while (true) {
    watch_.wait(lock, [this] { return watches_ || written_; });
    if (watch_.wait_for(lock, pause, [this] { return written_; })) return;
    watches_ = !queue_.empty() || !committing_.empty();
    const auto now = SteadyClock::now();
    const Batch withdrawn = Withdraw(now);
    Batch in_doubt;
    std::copy_if(committing_.begin(), committing_.end(), std::back_inserter(in_doubt),
                 [&](const auto& waiting) { return IsOver(*waiting, now); });
    lock.unlock();
    for (const auto& waiting : withdrawn) waiting->Say(Unexpected(Refusal::kUnavailable));
    for (const auto& waiting : in_doubt) waiting->Say(Unexpected(Refusal::kInDoubt));
    lock.lock();
  }
}

GroupCommit::Batch GroupCommit::Withdraw(SteadyClock::time_point now) {
  Batch withdrawn;
  std::erase_if(queue_, [&](const auto& waiting) {
    if (!IsOver(*waiting, now)) return false;
    queue_bytes_ -= waiting->bytes;
    withdrawn.push_back(waiting);
    return true;
  });
  return withdrawn;
}

bool GroupCommit::IsOver(const Waiting& waiting, SteadyClock::time_point now) const {
  return now >= std::min(waiting.deadline, let_go_at_.load()) || (!waiting.patient && Stuck());
}

}  // namespace billhook::ingest
