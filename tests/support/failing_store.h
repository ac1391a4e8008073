// An event store that fails or waits when a test says so, around a real one.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "domain/event_store.h"

namespace billhook::test {

class FailingStore : public EventStore {
 public:
  explicit FailingStore(EventStore& real) : real_(real) {}

  std::vector<AppendOutcome> AppendBatch(const std::vector<const AppendRequest*>& requests,
                                         UnixMicros now) override {
    batches.push_back(requests.size());
    if (before) before(requests);
    std::vector<AppendOutcome> outcomes = real_.AppendBatch(requests, now);
    if (after) after(requests);
    return outcomes;
  }
  std::vector<RecordedEvent> ReadLog(std::int64_t after_position, std::size_t limit) override {
    return real_.ReadLog(after_position, limit);
  }
  std::int64_t LatestPosition() override { return real_.LatestPosition(); }

  using Hook = std::function<void(const std::vector<const AppendRequest*>&)>;
  Hook before;                       // throws: nothing is recorded
  Hook after;                        // throws: all is recorded, but nobody learns it (a commit in doubt)
  std::vector<std::size_t> batches;  // the size of each

 private:
  EventStore& real_;
};

// A door that is shut until opened.
class Gate {
 public:
  void Open() {
    {
      const std::lock_guard lock(mutex_);
      open_ = true;
    }
    changed_.notify_all();
  }
  // Blocks until opened; notes that somebody waits.
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitSomebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waiting_ > 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

}  // namespace billhook::test
