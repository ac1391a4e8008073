// How often one caller may ask: so many requests a second, and as many at once after a second of rest (the
// generic cell rate algorithm, ITU-T I.371: one time stamp a caller). What it remembers is bounded. Thread
// safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace billhook::http {

class RateLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // 0 a second: no limit.
  explicit RateLimit(std::int64_t per_second);

  // Counts one request of `caller`. Nothing: it may go on; else after how many seconds it may come again, and
  // the request counts no more.
  std::optional<std::chrono::seconds> Refuse(const std::string& caller, TimePoint now);

 private:
  const std::chrono::nanoseconds interval_;  // between two requests in the long run; 0: no limit
  std::mutex mutex_;
  std::unordered_map<std::string, TimePoint> paid_until_;  // by caller; in the past is as good as absent
  TimePoint next_sweep_{};  // of those in the past: it looks at all, under the lock, and strangers must not
                            // ask for it at will
};

}  // namespace billhook::http
