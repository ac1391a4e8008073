// What becomes of a payment once it is made: refunds and disputes, dealt by fate, days later. Not thread
// safe.
#pragma once

#include <memory>

#include "service/simulate/objects.h"
#include "service/simulate/teller.h"

namespace billhook::simulate {

// Puts the payment's further fate on the agenda. `charge` is captured and nothing has been refunded to the
// payer.
void ScheduleAftermath(const std::shared_ptr<Teller>& teller, const std::shared_ptr<Charge>& charge);

}  // namespace billhook::simulate
