#include "service/projector/projector.h"

#include <algorithm>

#include "domain/event_store.h"

namespace billhook {

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
  Progress& progress = *ProgressOf(projection.name());
  const std::lock_guard stepping(progress.step);
  const storage::Step step = read_models_.Advance(projection, options_.batch, clock_());
  Publish(progress, step.position);
  on_step_(projection, step);
  return step;
}

storage::Retry Projector::RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                          std::int64_t position) {
  const std::lock_guard stepping(ProgressOf(projection.name())->step);
  return read_models_.RetryDeadLetter(projection, tenant, position, clock_());
}

void Projector::Publish(Progress& progress, std::int64_t position) {
  {
    const std::lock_guard lock(mutex_);
    progress.position = position;
  }
  advanced_.notify_all();
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
  std::uint64_t seen = 0;
  while (true) {
    std::chrono::milliseconds pause = options_.poll;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      seen = wakes_;
    }
    bool failed = false;
    try {
      const storage::Step step = RunOnce(*progress.projection);
      if (progress.failing) read_models_.NoteError(std::string(progress.projection->name()), std::nullopt);
      progress.failing = false;
      back_off = std::chrono::milliseconds(0);
      if (step.outcome == storage::Step::Outcome::kAdvanced) continue;
    } catch (
        const std::exception& error) {  // the outermost loop: a projection that fails is tried again, alone
      failed = true;
      back_off = std::clamp(back_off * 2, options_.first_back_off, options_.longest_back_off);
      pause = back_off;
      NoteFailing(progress, error.what());
    }
    std::unique_lock lock(mutex_);
    appended_.wait_for(lock, pause, [&] { return stopping_ || (!failed && wakes_ != seen); });
  }
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
  advanced_.wait_until(lock, deadline, [&] { return released_ || there(); });
  --waiters_;
  return there();
}

}  // namespace billhook
