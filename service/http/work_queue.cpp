#include "service/http/work_queue.h"

#include <algorithm>

namespace billhook::http {

std::size_t WorkQueue::Push(const std::vector<Connection*>& ready) {
  std::size_t taken = 0;
  std::size_t to_wake = 0;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t room = max_waiting_ + idle_workers_;
    if (!closed_ && waiting_.size() < room) taken = std::min(ready.size(), room - waiting_.size());
    waiting_.insert(waiting_.end(), ready.begin(), ready.begin() + static_cast<std::ptrdiff_t>(taken));
    to_wake = std::min(taken, idle_workers_);
    size_.store(waiting_.size(), std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < to_wake; ++i) not_empty_.notify_one();
  return taken;
}

Connection* WorkQueue::Pop() {
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && !closed_) {
    ++idle_workers_;
    not_empty_.wait(lock);
    --idle_workers_;
  }
  if (closed_) return nullptr;
  Connection* const next = waiting_.front();
  waiting_.pop_front();
  size_.store(waiting_.size(), std::memory_order_relaxed);
  return next;
}

void WorkQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  waiting_.clear();
  size_.store(0, std::memory_order_relaxed);
  not_empty_.notify_all();
}

}  // namespace billhook::http
