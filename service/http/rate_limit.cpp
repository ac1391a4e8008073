#include "service/http/rate_limit.h"

#include <algorithm>

namespace billhook::http {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kBurst = seconds(1);
constexpr std::size_t kMaxCallers = 16'384;
constexpr const char* kEverybodyElse = "";  // shared by those that find no place

}  // namespace

RateLimit::RateLimit(std::int64_t per_second)
    : interval_(per_second == 0 ? nanoseconds(0) : nanoseconds(kBurst) / per_second) {}

std::optional<seconds> RateLimit::Refuse(const std::string& caller, TimePoint now) {
  if (interval_ == nanoseconds(0)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  auto known = paid_until_.find(caller);
  if (known == paid_until_.end()) {
    if (paid_until_.size() >= kMaxCallers && now >= next_sweep_) {
      std::erase_if(paid_until_, [now](const auto& entry) { return entry.second <= now; });
      next_sweep_ = now + kBurst;
    }
    const bool full = paid_until_.size() >= kMaxCallers;
    known = paid_until_.try_emplace(full ? kEverybodyElse : caller, now).first;
  }
  const TimePoint until = std::max(known->second, now) + interval_;
  if (until - now > kBurst) return std::chrono::ceil<seconds>(until - now - kBurst);
  known->second = until;
  return std::nullopt;
}

}  // namespace billhook::http
