// The entries that people book by hand (`manual_payment`, `adjustment`), from our own events of the aggregate
// `ledger`: a Stripe event of such a name books nothing. Each stands from its time on, once for its ID.
#pragma once

#include "projections/projection.h"

namespace billhook::ledger {

void BookManualEntries(const std::vector<RecordedEvent>& batch, ReadModel& read_model, Changes& changes);

}  // namespace billhook::ledger
