// Random lives of a few subscriptions, as events that meet one another in all ways: several in one second,
// chains of updates, deletions with something after them, changes of currency, one ID under two accounts or
// livemodes, and events that no read model can use.
#pragma once

#include <random>
#include <vector>

#include "tests/support/stripe_events.h"

namespace billhook::test {

// Within four days from kNoon on, in no order of time. IDs start with `prefix`.
std::vector<StripeEvent> SubscriptionLives(std::mt19937_64& random, std::size_t count,
                                           const std::string& prefix = "evt_");

// A subscription of that much a month; without `currency` there is none.
Json Paying(const std::string& id, std::int64_t mrr, const std::string& currency = "usd",
            const std::string& status = "active");

}  // namespace billhook::test
