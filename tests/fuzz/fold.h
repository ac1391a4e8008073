// Folding a log through a projection, in batches of any size. One thread.
#pragma once

#include <string>
#include <vector>

#include "projections/projection.h"

namespace billhook::test {

using Log = std::vector<RecordedEvent>;

// What the projection makes of the log (MemoryReadModel's fingerprint), taken in batches of that size. Checks
// that each entry of the ledger balances.
std::string Fold(const Projection& projection, const Log& log, std::size_t batch_size);

}  // namespace billhook::test
