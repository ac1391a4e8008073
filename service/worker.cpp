#include "service/worker.h"

#include <exception>
#include <utility>

namespace billhook {

Worker::Worker(std::function<bool()> run_once, Pace pace, OnFailure on_failure)
    : run_once_(std::move(run_once)), pace_(pace), on_failure_(std::move(on_failure)) {}

Worker::~Worker() {
  Stop();
}

void Worker::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Worker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Worker::Wake() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(awake_, true)) return;
  }
  woken_.notify_all();
}

void Worker::Run() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      awake_ = false;
    }
    bool failed = false;
    const auto next_step = std::chrono::steady_clock::now() + pace_.step;
    try {
      if (run_once_()) continue;
    } catch (const std::exception& error) {  // the outermost loop: what is left undone is tried again later
      failed = true;
      on_failure_(error.what());
    }
    std::unique_lock lock(mutex_);
    // Nobody who wakes it knows that what failed would work now.
    if (failed) {
      stopped_.wait_for(lock, pace_.back_off, [this] { return stopping_; });
    } else {
      stopped_.wait_until(lock, next_step, [this] { return stopping_; });
      woken_.wait_for(lock, pace_.poll, [this] { return stopping_ || awake_; });
    }
  }
}

}  // namespace billhook
