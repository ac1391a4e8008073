// An invoice's payment intent is created with the invoice and may be tried for weeks. While its charge had
// not arrived, the payment stood in the ledger, and as its customer's last payment, at the time at which the
// intent had been created.
#include <gtest/gtest.h>

#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "tests/support/memory_read_model.h"
#include "tests/support/stripe_events.h"

namespace billhook::test {
namespace {

constexpr std::int64_t kCreated = kNoon;
constexpr std::int64_t kPaid = kNoon + 18 * 86'400;

StripeEvent At(std::int64_t second, const std::string& type, Json object) {
  object["created"] = object["object"] == "charge" ? kPaid : kCreated;
  return {.id = "evt_" + type, .type = type, .object = std::move(object), .created_s = second};
}

std::int64_t PaymentTime(const std::vector<StripeEvent>& events) {
  const PaymentLedger ledger;
  MemoryReadModel read_model(ledger);
  read_model.Apply(Recorded(events));
  const std::vector<Json> entries = read_model.Rows(ledger::kEntriesTable);
  EXPECT_EQ(entries.size(), 1U);
  return entries.empty() ? 0 : entries.front().at("occurred_at").get<std::int64_t>() / kMicrosPerSecond;
}

TEST(Ledger, DatesAPaymentByItsSuccessBeforeItsChargeArrives) {
  const StripeEvent created = At(kCreated, "payment_intent.created", PaymentIntent("pi_1", 0));
  const StripeEvent succeeded = At(kPaid, "payment_intent.succeeded", PaymentIntent("pi_1", 1000));
  const StripeEvent later = At(kPaid + 60, "payment_intent.updated", PaymentIntent("pi_1", 1000));
  Json charge = Charge("ch_1", 1000);
  charge["payment_intent"] = "pi_1";
  const StripeEvent charged = At(kPaid, "charge.succeeded", charge);
  EXPECT_EQ(PaymentTime({succeeded}), kPaid);
  EXPECT_EQ(PaymentTime({created, succeeded, later}), kPaid);
  EXPECT_EQ(PaymentTime({later, succeeded, created}), kPaid);
  EXPECT_EQ(PaymentTime({created, succeeded, charged}), kPaid);
}

}  // namespace
}  // namespace billhook::test
