#include "service/http/work_queue.h"

#include <algorithm>

namespace billhook::http {

std::vector<Connection*> WorkQueue::Push(const std::vector<Work>& ready) {
  std::vector<Connection*> refused;
  std::size_t to_wake = 0;
  {
    const std::lock_guard lock(mutex_);
    for (const Work& work : ready) {
      Line& line = work.foremost ? foremost_ : usual_;
      const std::size_t free =
          work.foremost ? idle_workers_ : std::min(idle_workers_, max_usual_ - busy_with_usual_);
      if (closed_ || line.size() >= max_waiting_ + free) {
        refused.push_back(work.connection);
      } else {
        line.push_back({work.connection, count_++});
      }
    }
    to_wake = std::min(ready.size() - refused.size(), idle_workers_);
    NoteSize();
  }
  for (std::size_t i = 0; i < to_wake; ++i) not_empty_.notify_one();
  return refused;
}

std::optional<WorkQueue::Work> WorkQueue::Pop() {
  std::unique_lock lock(mutex_);
  Line* line = nullptr;
  while (!closed_ && (line = Next()) == nullptr) {
    ++idle_workers_;
    not_empty_.wait(lock);
    --idle_workers_;
  }
  if (closed_) return std::nullopt;
  const Work next{line->front().connection, line == &foremost_};
  line->pop_front();
  if (!next.foremost) ++busy_with_usual_;
  NoteSize();
  return next;
}

// Who is done asks for the next one: nobody else needs to be woken for what may go on now.
void WorkQueue::Done(const Work& work) {
  const std::lock_guard lock(mutex_);
  if (!work.foremost) --busy_with_usual_;
}

void WorkQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  foremost_.clear();
  usual_.clear();
  NoteSize();
  not_empty_.notify_all();
}

WorkQueue::Line* WorkQueue::Next() {
  const bool usual = !usual_.empty() && busy_with_usual_ < max_usual_;
  if (!foremost_.empty() && (!usual || foremost_.front().number < usual_.front().number)) return &foremost_;
  return usual ? &usual_ : nullptr;
}

void WorkQueue::NoteSize() {
  size_.store(foremost_.size() + usual_.size(), std::memory_order_relaxed);
}

}  // namespace billhook::http
