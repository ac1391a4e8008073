// WorkQueue: the bounded line of connections whose request is complete and waits for a worker. The reactor's
// thread pushes, the workers pop. Thread safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

namespace billhook::http {

struct Connection;

class WorkQueue {
 public:
  // At most `max_waiting` may wait beyond those that an idle worker takes at once.
  explicit WorkQueue(std::size_t max_waiting) : max_waiting_(max_waiting) {}

  // Queues them in order and returns how many found room.
  std::size_t Push(const std::vector<Connection*>& ready);

  // Blocks for the next one; nullptr once closed.
  Connection* Pop();

  // Makes every Pop return nullptr from now on; what still waits is dropped.
  void Close();

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::deque<Connection*> waiting_;
  std::size_t idle_workers_ = 0;
  bool closed_ = false;
  std::atomic<std::size_t> size_{0};
};

}  // namespace billhook::http
