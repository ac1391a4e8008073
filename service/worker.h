// A thread that does one kind of work whenever there is some: woken by who knows of new work, looking by
// itself now and then, and trying again later where it failed. Thread safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace billhook {

class Worker {
 public:
  using OnFailure = std::function<void(const std::string& what)>;
  struct Pace {
    // From one look to the next at least, so that each sees much that is new.
    std::chrono::milliseconds step;
    // How long it then waits for new work before it looks by itself, and how long after a failure.
    std::chrono::milliseconds poll;
    std::chrono::milliseconds back_off;
  };

  // `run_once` does some work; false when there is nothing more to do for now.
  Worker(std::function<bool()> run_once, Pace pace, OnFailure on_failure);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  // Lets the thread finish what it is at, and ends it.
  void Stop();
  // There may be new work.
  void Wake();

 private:
  void Run();

  const std::function<bool()> run_once_;
  const Pace pace_;
  const OnFailure on_failure_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::condition_variable stopped_;  // what wakes from a pause, which new work does not
  bool awake_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace billhook
