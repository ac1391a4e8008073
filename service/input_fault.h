// One fault of an input, as callers are told it. A value.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace billhook {

struct InputFault {
  std::string pointer;  // a JSON pointer into the body, or the query parameter's name as "?name"
  std::string detail;   // what a person is to do
};

// So many faults of one input are told at most. A body may have more of them than anybody reads: whoever
// looks for faults stops here, so that a hostile one costs no more than a good one.
constexpr std::size_t kMaxInputFaults = 100;

inline bool HoldsMostFaults(const std::vector<InputFault>& faults) {
  return faults.size() >= kMaxInputFaults;
}

}  // namespace billhook
