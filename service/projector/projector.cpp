#include "service/projector/projector.h"

#include <algorithm>

#include "domain/event_store.h"

namespace billhook {
namespace {

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
    progress_.back()->batch.size = options_.batch;
  }
  batch_.size = options_.batch;
}

Projector::~Projector() {
  Stop();
}

void Projector::Start() {
  for (const auto& progress : progress_)
    progress->thread = std::thread([this, &progress = *progress] { RunApart(progress); });
  thread_ = std::thread([this] { Run(); });
}

void Projector::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  appended_.notify_all();
  parted_.notify_all();
  hurried_.notify_all();
  ReleaseWaiters();
  if (thread_.joinable()) thread_.join();
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
  return Advance(*ProgressOf(projection.name()));
}

void Projector::Batch::Adapt(const ProjectorOptions& options, bool more, SteadyClock::time_point begin) {
  if (!more) {
    size = options.batch;
  } else if (SteadyClock::now() - begin < options.quick_step) {
    size = options.batch * 2;
  }
}

storage::Step Projector::Advance(Progress& progress) {
  const std::lock_guard stepping(progress.step);
  const auto begin = SteadyClock::now();
  const storage::Step step = read_models_.Advance(*progress.projection, progress.batch.size, clock_());
  progress.batch.Adapt(options_, step.more, begin);
  Publish(progress, step.position);
  on_step_(*progress.projection, step);
  return step;
}

bool Projector::RunTogether() {
  std::vector<Progress*> together;
  std::vector<const Projection*> projections;
  std::vector<std::unique_lock<std::mutex>> stepping;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& progress : progress_) {
      // Who tries one's dead letter again wakes us when he is done.
      std::unique_lock step(progress->step, std::defer_lock);
      if (progress->apart || !step.try_lock()) continue;
      together.push_back(progress.get());
      projections.push_back(progress->projection);
      stepping.push_back(std::move(step));
    }
  }
  const auto begin = SteadyClock::now();
  std::vector<storage::Step> steps;
  try {
    steps = read_models_.AdvanceTogether(projections, batch_.size, clock_());
  } catch (const std::exception&) {  // each finds out by itself whether it was he, and says so
    SetApart(together, true);
    return false;
  }
  bool more = false;
  std::vector<Progress*> parting;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Publish(*together[i], steps[i].position);
    on_step_(*projections[i], steps[i]);
    more = more || steps[i].more;
    if (steps[i].apart) parting.push_back(together[i]);
  }
  batch_.Adapt(options_, more, begin);
  if (!parting.empty()) SetApart(parting, true);
  return more;
}

void Projector::SetApart(const std::vector<Progress*>& some, bool apart) {
  {
    const std::lock_guard lock(mutex_);
    for (Progress* progress : some) progress->apart = apart;
    if (!apart) ++wakes_;
  }
  (apart ? parted_ : appended_).notify_all();
}

storage::Retry Projector::RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                          std::int64_t position) {
  std::unique_lock stepping(ProgressOf(projection.name())->step);
  const storage::Retry retry = read_models_.RetryDeadLetter(projection, tenant, position, clock_());
  stepping.unlock();
  Wake();
  return retry;
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
  on_failure_(*progress.projection, what);
  try {
    // Callers of the API see this: the whole text is for the log.
    read_models_.NoteError(std::string(progress.projection->name()),
                           "a batch failed and is tried again; the log says why");
  } catch (const StorageError&) {
    // The same trouble, most likely; it was reported above and the next step tries again.
  }
}

void Projector::Run() {
  while (true) {
    std::uint64_t woken = 0;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      woken = wakes_;
    }
    const auto begin = SteadyClock::now();
    if (!RunTogether()) AwaitWork(nullptr, woken, begin + options_.pace);
  }
}

void Projector::RunApart(Progress& progress) {
  std::chrono::milliseconds back_off{0};
  while (true) {
    std::uint64_t woken = 0;
    {
      std::unique_lock lock(mutex_);
      parted_.wait(lock, [&] { return stopping_ || progress.apart; });
      if (stopping_) return;
      woken = wakes_;
    }
    const auto begin = SteadyClock::now();
    try {
      const storage::Step step = Advance(progress);
      back_off = std::chrono::milliseconds(0);
      if (step.more) continue;
      if (step.apart) {
        AwaitWork(&progress, woken, begin + options_.pace);
      } else {
        SetApart({&progress}, false);
      }
    } catch (
        const std::exception& error) {  // the outermost loop: a projection that fails is tried again, alone
      back_off = std::clamp(back_off * 2, options_.first_back_off, options_.longest_back_off);
      NoteFailing(progress, error.what());
      std::unique_lock lock(mutex_);
      appended_.wait_for(lock, back_off, [this] { return stopping_; });
    }
  }
}

void Projector::AwaitWork(const Progress* one, std::uint64_t woken, SteadyClock::time_point next_step) {
  const auto hurried = [&] {
    return std::any_of(progress_.begin(), progress_.end(), [one](const auto& progress) {
      return progress->waiters > 0 && (one == nullptr ? !progress->apart : progress.get() == one);
    });
  };
  std::unique_lock lock(mutex_);
  hurried_.wait_until(lock, next_step, [&] { return stopping_ || hurried(); });
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
  while (const std::optional<std::int64_t> heard = AwaitPublished(*progress, position, deadline)) {
    // Steps are not flushed one by one: a standby that becomes the primary may know fewer of them.
    const std::int64_t seen = read_models_.PositionOf(projection);
    if (seen >= position) return true;
    {
      const std::lock_guard lock(mutex_);
      if (progress->position == *heard) progress->position = seen;
    }
    Wake();
  }
  return false;
}

std::optional<std::int64_t> Projector::AwaitPublished(Progress& progress, std::int64_t position,
                                                      SteadyClock::time_point deadline) {
  std::unique_lock lock(mutex_);
  const auto there = [&progress, position] { return progress.position >= position; };
  if (!there() && waiters_ < options_.max_waiters) {
    ++waiters_;
    ++progress.waiters;
    hurried_.notify_all();
    advanced_.wait_until(lock, deadline, [&] { return released_ || there(); });
    --progress.waiters;
    --waiters_;
  }
  return there() ? std::optional(progress.position) : std::nullopt;
}

}  // namespace billhook
