// The one place that reads the time of day. Everything that depends on time takes a Clock, so that tests
// bring their own.
#pragma once

#include <chrono>
#include <functional>

#include "domain/time.h"

namespace billhook {

using Clock = std::function<UnixMicros()>;

inline UnixMicros SystemClock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace billhook
