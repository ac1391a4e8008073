#include "service/projector/projector.h"

#include <algorithm>

#include "domain/event_store.h"

namespace billhook {
namespace {

constexpr std::size_t kLargestBacklogBatch = 8;  // times the option
constexpr std::size_t kRetriesACall = 100;

}  // namespace

Projector::Projector(storage::ReadModels& read_models, std::vector<const Projection*> projections,
                     ProjectorOptions options, Clock clock, OnStep on_step, OnFailure on_failure)
    : read_models_(read_models),
      projections_(std::move(projections)),
      options_(options),
      clock_(std::move(clock)),
      on_step_(std::move(on_step)),
      on_failure_(std::move(on_failure)) {
  for (const Projection* projection : projections_) {
    progress_.push_back(std::make_unique<Progress>());
    progress_.back()->projection = projection;
    progress_.back()->batch = options_.batch;
  }
}

Projector::~Projector() {
  Stop();
}

void Projector::Start() {
  for (const auto& progress : progress_)
    progress->thread = std::thread([this, &progress = *progress] { Run(progress); });
}

void Projector::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  appended_.notify_all();
  hurried_.notify_all();
  ReleaseWaiters();
  for (const auto& progress : progress_) {
    if (progress->thread.joinable()) progress->thread.join();
  }
}

const Projection* Projector::Find(std::string_view name) const {
  for (const Projection* projection : projections_) {
    if (projection->name() == name) return projection;
  }
  return nullptr;
}

Projector::Progress* Projector::ProgressOf(std::string_view name) {
  for (const auto& progress : progress_) {
    if (progress->projection->name() == name) return progress.get();
  }
  return nullptr;
}

storage::Step Projector::RunOnce(const Projection& projection) {
  return RunNext(*ProgressOf(projection.name()));
}

storage::Step Projector::RunNext(Progress& progress) {
  const std::lock_guard stepping(progress.step);
  const auto begin = std::chrono::steady_clock::now();
  const storage::Step step = read_models_.Advance(*progress.projection, progress.batch, clock_());
  if (!step.more) {
    progress.batch = options_.batch;
  } else if (std::chrono::steady_clock::now() - begin < options_.quick_step) {
    progress.batch = std::min(progress.batch * 2, options_.batch * kLargestBacklogBatch);
  }
  Publish(progress, step.position);
  on_step_(*progress.projection, step);
  return step;
}

storage::Retry Projector::RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                          std::int64_t position) {
  const std::lock_guard stepping(ProgressOf(projection.name())->step);
  return read_models_.RetryDeadLetter(projection, tenant, position, clock_());
}

Projector::Retried Projector::RetryDeadLetters(const std::string& tenant,
                                               const std::optional<std::string>& projection,
                                               const storage::DeadLetterPlace& after) {
  const std::vector<storage::DeadLetterPlace> letters =
      read_models_.DeadLettersAfter(tenant, projection, after, kRetriesACall + 1);
  Retried retried;
  for (std::size_t i = 0; i < std::min(letters.size(), kRetriesACall); ++i) {
    const Projection* failed_in = Find(letters[i].projection);
    if (failed_in == nullptr) continue;  // a newer release's
    const storage::Retry retry = RetryDeadLetter(*failed_in, tenant, letters[i].position);
    if (retry == storage::Retry::kApplied) ++retried.applied;
    if (retry == storage::Retry::kFailedAgain || retry == storage::Retry::kSuperseded) ++retried.failed;
  }
  if (letters.size() > kRetriesACall) retried.next = letters[kRetriesACall - 1];
  return retried;
}

void Projector::Publish(Progress& progress, std::int64_t position) {
  {
    const std::lock_guard lock(mutex_);
    progress.position = std::max(progress.position, position);
  }
  advanced_.notify_all();
}

void Projector::NoteVisible(const std::string& projection, std::int64_t position) {
  if (Progress* progress = ProgressOf(projection)) Publish(*progress, position);
}

void Projector::RelyOnWakes(bool rely) {
  {
    const std::lock_guard lock(mutex_);
    rely_on_wakes_ = rely;
    ++wakes_;
  }
  appended_.notify_all();
}

void Projector::Wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  appended_.notify_all();
}

void Projector::NoteFailing(Progress& progress, const std::string& what) {
  progress.failing = true;
  on_failure_(*progress.projection, what);
  try {
    // Callers of the API see this: the whole text is for the log.
    read_models_.NoteError(std::string(progress.projection->name()),
                           "a batch failed and is tried again; the log says why");
  } catch (const StorageError&) {
    // The same trouble, most likely; it was reported above and the next step tries again.
  }
}

void Projector::Run(Progress& progress) {
  std::chrono::milliseconds back_off{0};
  while (true) {
    std::uint64_t woken = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      woken = wakes_;
    }
    const auto begin = std::chrono::steady_clock::now();
    try {
      const storage::Step step = RunNext(progress);
      if (progress.failing) read_models_.NoteError(std::string(progress.projection->name()), std::nullopt);
      progress.failing = false;
      back_off = std::chrono::milliseconds(0);
      if (!step.more) AwaitWork(progress, woken, begin + options_.pace);
    } catch (
        const std::exception& error) {  // the outermost loop: a projection that fails is tried again, alone
      back_off = std::clamp(back_off * 2, options_.first_back_off, options_.longest_back_off);
      NoteFailing(progress, error.what());
      std::unique_lock lock(mutex_);
      appended_.wait_for(lock, back_off, [this] { return stopping_; });
    }
  }
}

void Projector::AwaitWork(Progress& progress, std::uint64_t woken,
                          std::chrono::steady_clock::time_point next_step) {
  std::unique_lock lock(mutex_);
  hurried_.wait_until(lock, next_step, [&] { return stopping_ || progress.waiters > 0; });
  appended_.wait_for(lock, rely_on_wakes_ ? options_.safety_poll : options_.poll,
                     [&] { return stopping_ || wakes_ != woken; });
}

void Projector::ReleaseWaiters() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  advanced_.notify_all();
}

bool Projector::WaitFor(const std::string& projection, std::int64_t position,
                        std::chrono::steady_clock::time_point deadline) {
  Progress* progress = ProgressOf(projection);
  if (progress == nullptr) return false;
  std::unique_lock lock(mutex_);
  const auto there = [progress, position] { return progress->position >= position; };
  if (there() || waiters_ == options_.max_waiters) return there();
  ++waiters_;
  ++progress->waiters;
  hurried_.notify_all();
  advanced_.wait_until(lock, deadline, [&] { return released_ || there(); });
  --progress->waiters;
  --waiters_;
  return there();
}

}  // namespace billhook
