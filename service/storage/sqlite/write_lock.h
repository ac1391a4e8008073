// The write lock of a SQLite file within this process: who waits for it sleeps until it is free, rather
// than in SQLite's busy handler. Who came first has it first, so that one who takes it again and again holds
// nobody up for longer than once. Meets what std::unique_lock asks of a mutex. (std::timed_mutex would not
// do: ThreadSanitizer of g++ 12 does not know the call that it waits with.) Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>

namespace billhook::storage {

class WriteLock {
 public:
  // False if it was not free within the time.
  bool try_lock_for(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    const auto place = waiting_.emplace(waiting_.end());
    const bool mine = place->wait_for(lock, time, [&] { return !held_ && place == waiting_.begin(); });
    waiting_.erase(place);
    if (mine) {
      held_ = true;
    } else {
      CallNext();
    }
    return mine;
  }

  void unlock() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    CallNext();
  }

 private:
  void CallNext() {
    if (!waiting_.empty()) waiting_.front().notify_one();
  }

  std::mutex mutex_;
  std::list<std::condition_variable> waiting_;  // in the order in which they came
  bool held_ = false;
};

}  // namespace billhook::storage
