// The moment as of which a read model is asked for. `occurred`: what was true then, told by the events that
// had happened; `recorded`: what was known then, told by the events that were recorded. The bound is
// inclusive. A value.
#pragma once

#include "domain/time.h"

namespace billhook::query {

struct AsOf {
  enum class Axis { kOccurred, kRecorded };
  UnixMicros at = 0;
  Axis axis = Axis::kOccurred;

  // Whether an event with these times belongs to what is looked at.
  [[nodiscard]] bool Includes(UnixMicros occurred_at, UnixMicros recorded_at) const {
    return (axis == Axis::kOccurred ? occurred_at : recorded_at) <= at;
  }
  // The column of the log that the bound is about.
  [[nodiscard]] const char* Column() const { return axis == Axis::kOccurred ? "occurred_at" : "recorded_at"; }
};

}  // namespace billhook::query
