// Publishes the log to a message broker: follows it in order of position, one process of all at a time, and
// moves the checkpoint only over what the broker has confirmed. So each event arrives at least once, the
// first time in order and without a gap unless the broker drops one of those that it has not confirmed and
// keeps a later one; after a fault the events behind the checkpoint are sent again. A broker that is away is
// tried again, ever less often, and holds up nobody. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "service/metrics.h"
#include "service/publish/broker.h"
#include "service/storage/sql.h"
#include "service/storage/turn.h"
#include "service/worker.h"

namespace billhook::publish {

class Publisher {
 public:
  using Connect = std::function<std::unique_ptr<Broker>()>;

  // `label` is the destination's; a new one is sent the whole log. `on_failure` hears of the database's
  // faults.
  Publisher(storage::Database& database, std::string label, Connect connect, Metrics& metrics,
            Worker::OnFailure on_failure);

  // Starts the thread. Without it, RunOnce goes on by hand (tests).
  void Start();
  void Stop();
  // New events may be in the log.
  void Wake();

  // Publishes a batch; false when there is nothing more to do for now.
  bool RunOnce();

  [[nodiscard]] const std::string& label() const { return label_; }
  // Whether this process could not reach the broker when it last tried.
  [[nodiscard]] bool failing() const { return failing_; }
  // How many events of the log no process has published yet.
  [[nodiscard]] std::int64_t Lag();

 private:
  storage::Followed Look();
  Delivery Deliver(const std::vector<Message>& messages);
  void BackOff(const std::string& fault);

  storage::Database& database_;
  const std::string label_;
  const std::string turn_name_;
  const Connect connect_;
  Metrics& metrics_;
  std::unique_ptr<Broker> broker_;  // nullptr: not connected
  std::chrono::milliseconds back_off_;
  std::chrono::steady_clock::time_point not_before_{};  // after a fault
  std::atomic<bool> failing_{false};

  Worker worker_;  // last: it ends before what it uses does
};

}  // namespace billhook::publish
