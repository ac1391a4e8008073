// How a subscription's monthly recurring revenue moves over time: from its value at each moment to the
// changes between them, in the terms in which growth is told. Pure and thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace billhook::revenue {

// What a subscription brings in a month from a second on, until the next.
struct Level {
  std::int64_t since_s = 0;
  std::int64_t mrr = 0;  // minor units, 0 or more
  std::string currency;  // of no meaning where mrr is 0
};

// `new`: from 0 for the first time in this currency; `reactivation`: from 0 later; `expansion`,
// `contraction`: more or less than before; `churn`: to 0.
struct Movement {
  std::int64_t occurred_at_s = 0;
  std::string currency;
  std::string_view kind;
  std::int64_t amount = 0;  // after minus before, never 0
};

// The movements between the levels, which ascend in time. Each currency moves by itself: a subscription that
// changes its currency churns in the old and is new, or reactivated, in the new. At most one for each second
// and currency; the amounts of a currency add up to its last level.
std::vector<Movement> MovementsOf(const std::vector<Level>& levels);

}  // namespace billhook::revenue
