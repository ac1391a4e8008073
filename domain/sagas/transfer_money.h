// The saga TransferMoney {from_account, to_account, amount}: moves money from one prepaid account to another
// of the same currency. Steps: `withdraw`, `deposit`; a refused deposit is compensated by `refund`, which
// puts the money back onto its account even if that was closed meanwhile. Pure, thread safe.
#pragma once

#include "domain/sagas/saga.h"

namespace billhook::sagas {

extern const SagaType kTransferMoney;

}  // namespace billhook::sagas
