// Callers that deliver a simulated history as Stripe does: in any order, over many connections, some of it
// twice, and what is not answered 200 again until it is. Keeps what was acknowledged and when. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "service/simulate/truth.h"

namespace billhook::test {

// How often a fault is repeated: BILLHOOK_CHAOS_ROUNDS, else `otherwise`.
std::size_t Rounds(std::size_t otherwise);

class Load {
 public:
  using Clock = std::chrono::steady_clock;

  struct Options {
    std::uint64_t events = 1'000;
    std::size_t posters = 8;
    std::set<int> refusals = {503};  // what may be answered besides 200
  };
  // Poster i sends to address i modulo their number. Begins at once; the seed is printed.
  Load(std::vector<std::string> addresses, Options options);
  // Ends without having delivered all, if it must.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Returns once that many events more than now, or all, are acknowledged; fails the test if that takes
  // minutes.
  void AwaitProgress(std::size_t more);
  // Returns once so many requests more were refused, or not answered at all.
  void AwaitRefusals(std::size_t more);
  // Returns once all are acknowledged and the posters are gone. False, and a failed test, if they are not.
  bool Finish();

  // What was acknowledged: Stripe's event ID and the position. After Finish.
  [[nodiscard]] const std::map<std::string, std::int64_t>& acknowledged() const { return acknowledged_; }
  // Acknowledged events of which two answers said that they were the first, or told another position.
  [[nodiscard]] std::size_t contradictions() const { return contradictions_; }
  // Events that were refused, and known already when they were sent again.
  [[nodiscard]] std::size_t recorded_though_refused() const { return recorded_though_refused_; }
  [[nodiscard]] std::size_t refused() const;
  // The longest stretch since then in which nobody was answered 200.
  [[nodiscard]] std::chrono::milliseconds LongestSilence(Clock::time_point since) const;
  // How long after that somebody was answered 200.
  [[nodiscard]] std::chrono::milliseconds TimeToNextAnswer(Clock::time_point since) const;
  [[nodiscard]] const simulate::Truth& truth() const { return truth_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }

 private:
  struct Delivery {
    bool answered = false;
    bool refused = false;  // at least once before it was answered
    bool first = false;    // an answer said so
  };

  void Post(const std::string& address);
  // Whether the event is acknowledged now.
  bool Note(std::size_t event, int status, const std::string& body);
  void Await(const std::function<bool()>& there);

  std::uint64_t seed_;
  Options options_;
  simulate::Truth truth_;
  std::vector<std::string> bodies_;
  std::vector<std::size_t> order_;  // of delivery; some stand in it twice
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<Delivery> deliveries_;  // by event
  std::map<std::string, std::int64_t> acknowledged_;
  std::vector<Clock::time_point> answers_;
  std::size_t refused_ = 0;
  std::size_t contradictions_ = 0;
  std::size_t recorded_though_refused_ = 0;
  std::vector<std::thread> posters_;
};

}  // namespace billhook::test
