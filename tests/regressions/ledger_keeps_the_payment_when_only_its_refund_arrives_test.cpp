// A charge without a payment intent owns both its payment and the rest of its refunds. A batch that touched
// the charge through a refund alone booked the owner anew without its payment, and so took the payment off
// the books.
#include <gtest/gtest.h>

#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "tests/support/memory_read_model.h"
#include "tests/support/stripe_events.h"

namespace billhook::test {
namespace {

TEST(Ledger, KeepsThePaymentWhenOnlyItsRefundArrives) {
  const PaymentLedger ledger;
  MemoryReadModel read_model(ledger);
  StripeEvent charge;
  charge.id = "evt_1";
  charge.type = "charge.succeeded";
  charge.object = Charge("ch_1", 1000);
  StripeEvent refund;
  refund.id = "evt_2";
  refund.type = "refund.created";
  refund.object = Refund("re_1", 300, "ch_1");
  read_model.Apply(Recorded(std::vector<StripeEvent>{charge}));
  read_model.Apply(Recorded(std::vector<StripeEvent>{refund}));
  std::int64_t paid = 0;
  for (const Json& entry : read_model.Rows(ledger::kEntriesTable)) {
    if (entry.at("type") == "payment") paid += entry.at("amount").get<std::int64_t>();
  }
  EXPECT_EQ(paid, 1000);
}

}  // namespace
}  // namespace billhook::test
