// The simulation's own arithmetic of a subscription's monthly recurring revenue, by the contract: exact over
// all items, rounded half to even once. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>

#include "service/simulate/objects.h"

namespace billhook::simulate {

// Minor units a month; 0 unless the subscription is active or past due; nothing when an item is tiered.
std::optional<std::int64_t> MonthlyRevenue(const Subscription& subscription);

}  // namespace billhook::simulate
