// Drives a projection with one set of events in many orders and batchings, and holds the outcomes against
// each other.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/memory_read_model.h"
#include "tests/support/stripe_events.h"

namespace billhook::test {

// The read model after the events arrived in this order, `batch_size` at a time.
MemoryReadModel Project(const Projection& projection, const std::vector<RecordedEvent>& events,
                        std::size_t batch_size);

// Every order of at most six events, each in batches of one, of two and of all: every outcome must be the
// same. The read model that all end in.
MemoryReadModel ProjectInEveryOrder(const Projection& projection, const std::vector<StripeEvent>& events);

// This order in batches of random sizes.
MemoryReadModel ProjectInBatches(const Projection& projection, const std::vector<RecordedEvent>& events,
                                 std::mt19937_64& random);

// One random order in batches of random sizes.
MemoryReadModel ProjectShuffled(const Projection& projection, std::vector<RecordedEvent> events,
                                std::mt19937_64& random);

}  // namespace billhook::test
