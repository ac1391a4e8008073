// Simulated billing lives for tests that hold read models against what the storyteller knows. How many, and
// with which seed, may be said by the environment: BILLHOOK_LIVES (a number) and BILLHOOK_SEED (only this
// one).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/event.h"
#include "service/simulate/history.h"

namespace billhook::test {

std::optional<std::uint64_t> SeedFromEnvironment();
std::uint64_t LivesFromEnvironment(std::uint64_t otherwise);

// The event as the log of the tenant `default` holds it, not recorded yet.
RecordedEvent LoggedEvent(const simulate::SimulatedEvent& event);

// The truth of the history's first `count` events.
simulate::Truth TruthOf(const simulate::HistoryOptions& options, std::uint64_t count);

// The count of events in a history of about that many lives: fewer lives begin late and are cut off.
std::uint64_t EventsOfLives(std::uint64_t lives);

}  // namespace billhook::test
