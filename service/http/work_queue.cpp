#include "service/http/work_queue.h"

#include <algorithm>

namespace billhook::http {
namespace {

// A worker that was woken is waited for so long before another is woken in its place.
constexpr std::chrono::milliseconds kWakePatience{2};

}  // namespace

std::vector<Connection*> WorkQueue::Push(const std::vector<Work>& ready) {
  std::vector<Connection*> refused;
  bool wake = false;
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
    wake = NeedsWorker();
    NoteSize();
  }
  if (wake) not_empty_.notify_one();
  return refused;
}

void WorkQueue::Expect() {
  const std::lock_guard lock(mutex_);
  ++expected_;
}

void WorkQueue::Resume(Connection& connection) {
  const std::lock_guard lock(mutex_);
  if (!closed_) resumed_.push_back({&connection, count_++});
  NoteSize();
  if (NeedsWorker()) not_empty_.notify_one();
  if (--expected_ == 0) all_came_.notify_all();
}

void WorkQueue::Forgo() {
  const std::lock_guard lock(mutex_);
  if (--expected_ == 0) all_came_.notify_all();
}

void WorkQueue::AwaitExpected() {
  std::unique_lock lock(mutex_);
  all_came_.wait(lock, [this] { return expected_ == 0; });
}

std::optional<WorkQueue::Work> WorkQueue::Pop() {
  std::unique_lock lock(mutex_);
  Line* line = nullptr;
  while (!closed_ && (line = Next()) == nullptr) {
    ++idle_workers_;
    not_empty_.wait(lock);
    --idle_workers_;
    waking_until_ = {};
  }
  if (closed_) return std::nullopt;
  const Work next{line->front().connection, line != &usual_};
  line->pop_front();
  if (!next.foremost) ++busy_with_usual_;
  NoteSize();
  const bool wake = NeedsWorker();
  lock.unlock();
  if (wake) not_empty_.notify_one();
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
  resumed_.clear();
  foremost_.clear();
  usual_.clear();
  NoteSize();
  not_empty_.notify_all();
}

WorkQueue::Line* WorkQueue::Next() {
  if (!resumed_.empty()) return &resumed_;
  const bool usual = !usual_.empty() && busy_with_usual_ < max_usual_;
  if (!foremost_.empty() && (!usual || foremost_.front().number < usual_.front().number)) return &foremost_;
  return usual ? &usual_ : nullptr;
}

bool WorkQueue::NeedsWorker() {
  if (idle_workers_ == 0 || Next() == nullptr) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now < waking_until_) return false;
  waking_until_ = now + kWakePatience;
  return true;
}

void WorkQueue::NoteSize() {
  size_.store(resumed_.size() + foremost_.size() + usual_.size(), std::memory_order_relaxed);
}

}  // namespace billhook::http
