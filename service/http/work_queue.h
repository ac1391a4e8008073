// WorkQueue: the bounded lines of connections whose request is complete and waits for a worker. What comes
// foremost has a line of its own, and workers that are never busy with the rest; so have those whose answer
// was pending and is ready. The reactor's thread pushes, the workers pop. One worker is woken at a time, and
// wakes the next where more is to do: short work is done by few. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace billhook::http {

struct Connection;

class WorkQueue {
 public:
  struct Work {
    Connection* connection = nullptr;
    bool foremost = false;
  };

  // Of each line at most `max_waiting` may wait beyond those that an idle worker takes at once; at most
  // `max_usual` workers are busy at a time with what is not foremost.
  WorkQueue(std::size_t max_waiting, std::size_t max_usual)
      : max_waiting_(max_waiting), max_usual_(max_usual) {}

  // Queues them in order and returns those that found no room.
  std::vector<Connection*> Push(const std::vector<Work>& ready);

  // Announces a connection that Resume will bring back, from whichever thread.
  void Expect();
  void Resume(Connection& connection);
  // Takes an Expect back: nobody will bring that one.
  void Forgo();
  // Returns once all have come back that are expected.
  void AwaitExpected();

  // Blocks for the next one, which whoever takes it reports as done; nothing once closed.
  std::optional<Work> Pop();
  void Done(const Work& work);

  // Makes every Pop return nothing from now on; what still waits is dropped.
  void Close();

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {
    Connection* connection;
    std::uint64_t number;  // by which the one that came first goes first
  };
  using Line = std::deque<Waiting>;

  // The line whose first is next; nullptr where nothing waits that may go on.
  Line* Next();
  void NoteSize();
  // Whether a worker is to be woken for what waits.
  bool NeedsWorker();

  const std::size_t max_waiting_;
  const std::size_t max_usual_;
  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::condition_variable all_came_;
  Line resumed_;
  Line foremost_;
  Line usual_;
  std::uint64_t count_ = 0;  // of all that ever came
  std::size_t idle_workers_ = 0;
  std::size_t busy_with_usual_ = 0;
  std::size_t expected_ = 0;
  std::chrono::steady_clock::time_point waking_until_{};  // a worker, which comes or is given up by then
  bool closed_ = false;
  std::atomic<std::size_t> size_{0};
};

}  // namespace billhook::http
