// What a load and the faults under it came to: every answer held against the log, the log against its
// checksums, the read models against what the simulated history knows.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "tests/chaos/load.h"

namespace billhook::test {

struct Verdict {
  std::size_t acknowledged = 0;
  std::size_t lost = 0;     // acknowledged events that the log does not hold where the answer said
  std::size_t doubled = 0;  // events that it holds twice, or of which two answers said that they were new
};

// Holds the whole log (`billhook export`, which proves it on the way) against every answer; positions must
// have no gaps.
Verdict JudgeLog(const std::string& database_url, const Load& load);

// After load.Finish(): fails the test unless nothing is lost or doubled, `billhook verify` finds nothing and
// the read models at `address` are the truth. Prints the row of the table of faults.
void ExpectNothingLost(const std::string& fault, std::size_t rounds, const std::string& address,
                       const std::string& database_url, const Load& load, std::chrono::milliseconds recovery);

}  // namespace billhook::test
