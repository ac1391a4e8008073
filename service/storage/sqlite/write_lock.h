// The one write lock of a SQLite file within this process: who waits for it sleeps until it is free, rather
// than in SQLite's busy handler. Meets what std::unique_lock asks of a mutex. (std::timed_mutex would do, but
// ThreadSanitizer of g++ 12 does not know the call that it waits with.) Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace billhook::storage {

class WriteLock {
 public:
  // False if it was not free within the time.
  bool try_lock_for(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    if (!freed_.wait_for(lock, time, [this] { return !held_; })) return false;
    held_ = true;
    return true;
  }

  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    freed_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  bool held_ = false;
};

}  // namespace billhook::storage
