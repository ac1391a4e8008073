// Which stretches of time backfills have held against Stripe's list of events, and which they were asked
// about but have not. Whatever the order of the runs, the answer is the same. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace billhook::backfill {

// Stripe lists the events of this long.
constexpr std::int64_t kRetentionSeconds = 30 * 86'400;

// Unix seconds; `to` does not belong to it.
struct Stretch {
  std::int64_t from = 0;
  std::int64_t to = 0;
  bool operator==(const Stretch&) const = default;
};

struct Gap {
  Stretch stretch;
  bool beyond_retention = false;  // Stripe lists it no more; otherwise another backfill can close it
  bool operator==(const Gap&) const = default;
};

struct Coverage {
  std::vector<Stretch> checked;  // in order, apart from one another
  std::vector<Gap> gaps;
};

Coverage CoverageOf(std::vector<Stretch> asked, std::vector<Stretch> checked, std::int64_t now_s);

}  // namespace billhook::backfill
