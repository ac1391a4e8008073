#include "domain/stripe/invoice.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::With;
using test::Without;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

Json Payment(const Json& payment, bool is_default = false) {
  return {{"object", "invoice_payment"}, {"is_default", is_default}, {"payment", payment}};
}

Json PaymentList(const std::vector<Json>& payments) {
  return {{"payments", {{"object", "list"}, {"data", payments}}}};
}

const Json kInvoice = {
    {"object", "invoice"},
    {"id", "in_1"},
    {"number", "A-1"},
    {"status", "open"},
    {"customer", "cus_1"},
    {"currency", "USD"},
    {"amount_due", 900},
    {"amount_paid", 200},
    {"amount_remaining", 700},
    {"subtotal", 1000},
    {"total", 950},
    {"attempt_count", 2},
    {"next_payment_attempt", 11},
    {"due_date", 12},
    {"created", 13},
    {"period_start", 14},
    {"period_end", 15},
    {"status_transitions", {{"paid_at", 16}}},
    {"billing_reason", "subscription_cycle"},
    {"collection_method", "charge_automatically"},
    {"parent", {{"type", "subscription_details"}, {"subscription_details", {{"subscription", "sub_1"}}}}}};

Invoice Decoded(const Json& object) {
  Result<Invoice, std::string> decoded = DecodeInvoice(object);
  EXPECT_TRUE(decoded.has_value()) << decoded.error();
  return decoded ? *decoded : Invoice();
}

TEST(Invoice, IsDecodedFromTheNewestShape) {
  const Invoice invoice = Decoded(kInvoice);
  EXPECT_EQ(invoice.id, "in_1");
  EXPECT_EQ(invoice.number, "A-1");
  EXPECT_EQ(invoice.status, "open");
  EXPECT_EQ(invoice.customer, "cus_1");
  EXPECT_EQ(invoice.subscription, "sub_1");
  EXPECT_EQ(invoice.currency, "usd");
  EXPECT_EQ(invoice.amount_due, 900);
  EXPECT_EQ(invoice.amount_paid, 200);
  EXPECT_EQ(invoice.amount_remaining, 700);
  EXPECT_EQ(invoice.subtotal, 1000);
  EXPECT_EQ(invoice.total, 950);
  EXPECT_FALSE(invoice.paid_out_of_band);
  EXPECT_EQ(invoice.attempt_count, 2);
  EXPECT_EQ(invoice.next_payment_attempt, 11);
  EXPECT_EQ(invoice.due_date, 12);
  EXPECT_EQ(invoice.created_s, 13);
  EXPECT_EQ(invoice.period_start, 14);
  EXPECT_EQ(invoice.period_end, 15);
  EXPECT_EQ(invoice.paid_at, 16);
  EXPECT_EQ(invoice.billing_reason, "subscription_cycle");
  EXPECT_EQ(invoice.collection_method, "charge_automatically");
  EXPECT_FALSE(invoice.payment_intent.has_value());
  EXPECT_FALSE(invoice.charge.has_value());
}

TEST(Invoice, TakesExpandedObjectsForTheirIds) {
  const Invoice invoice = Decoded(
      With(kInvoice, {{"customer", {{"id", "cus_9"}}},
                      {"parent", {{"subscription_details", {{"subscription", {{"id", "sub_9"}}}}}}}}));
  EXPECT_EQ(invoice.customer, "cus_9");
  EXPECT_EQ(invoice.subscription, "sub_9");
  const Invoice old = Decoded(With(Without(kInvoice, "parent"), {{"subscription", {{"id", "sub_8"}}},
                                                                 {"charge", {{"id", "ch_8"}}},
                                                                 {"payment_intent", {{"id", "pi_8"}}}}));
  EXPECT_EQ(old.subscription, "sub_8");
  EXPECT_EQ(old.charge, "ch_8");
  EXPECT_EQ(old.payment_intent, "pi_8");
}

TEST(Invoice, HasTheSubscriptionOfItsParentOnlyWhereThatIsOne) {
  EXPECT_FALSE(Decoded(Without(kInvoice, "parent")).subscription.has_value());
  EXPECT_FALSE(Decoded(With(kInvoice, {{"parent", nullptr}})).subscription.has_value());
  const Json quote = {
      {"type", "quote_details"}, {"quote_details", {{"quote", "qt_1"}}}, {"subscription_details", nullptr}};
  EXPECT_FALSE(Decoded(With(kInvoice, {{"parent", quote}})).subscription.has_value());
}

TEST(Invoice, HasTheDefaultPaymentThroughStripeElseTheFirst) {
  const Json record = Payment({{"type", "payment_record"}, {"payment_record", "pr_1"}}, true);
  const Json first = Payment({{"type", "payment_intent"}, {"payment_intent", "pi_1"}});
  const Json second = Payment({{"type", "charge"}, {"charge", "ch_2"}}, true);
  const Invoice defaulted = Decoded(With(kInvoice, PaymentList({record, first, second})));
  EXPECT_FALSE(defaulted.payment_intent.has_value());
  EXPECT_EQ(defaulted.charge, "ch_2");
  EXPECT_EQ(Decoded(With(kInvoice, PaymentList({record, first}))).payment_intent, "pi_1");
  EXPECT_EQ(Decoded(With(kInvoice, PaymentList({second, first}))).charge, "ch_2");
  EXPECT_FALSE(Decoded(With(kInvoice, PaymentList({record}))).payment_intent.has_value());
  EXPECT_FALSE(Decoded(With(kInvoice, PaymentList({record}))).paid_out_of_band)
      << "the invoice payment says so by itself";
}

TEST(Invoice, SaysUntilBasilThatItWasPaidOutOfBand) {
  EXPECT_TRUE(Decoded(With(kInvoice, {{"paid_out_of_band", true}})).paid_out_of_band);
}

TEST(Invoice, MayOweTheCustomer) {
  const Invoice invoice = Decoded(With(
      kInvoice,
      {{"amount_due", 0}, {"amount_paid", 0}, {"amount_remaining", 0}, {"subtotal", -500}, {"total", -500}}));
  EXPECT_EQ(invoice.total, -500);
  EXPECT_EQ(invoice.subtotal, -500);
  EXPECT_EQ(Decoded(With(kInvoice, {{"amount_due", kMin}})).amount_due, kMin);
  EXPECT_EQ(Decoded(With(kInvoice, {{"total", kMax}})).total, kMax);
}

TEST(Invoice, ReckonsWhatRemainsWhereItIsNotTold) {
  const Json untold = Without(kInvoice, "amount_remaining");
  EXPECT_EQ(Decoded(untold).amount_remaining, 700);
  EXPECT_EQ(Decoded(With(untold, {{"amount_due", kMax}, {"amount_paid", kMax}})).amount_remaining, 0);
  EXPECT_FALSE(DecodeInvoice(With(untold, {{"amount_due", kMin}})).has_value());
  EXPECT_FALSE(DecodeInvoice(With(untold, {{"amount_due", kMax}, {"amount_paid", -1}})).has_value());
}

TEST(Invoice, TakesWhatIsPaidFromItsStatusWhereItIsNotTold) {
  const Json untold = Without(Without(kInvoice, "amount_remaining"), "amount_paid");
  EXPECT_EQ(Decoded(untold).amount_paid, 0);
  EXPECT_EQ(Decoded(untold).amount_remaining, 900);
  EXPECT_EQ(Decoded(With(untold, {{"status", "paid"}})).amount_paid, 900);
  EXPECT_EQ(Decoded(With(untold, {{"status", "paid"}})).amount_remaining, 0);
}

TEST(Invoice, LetsItsAmountsStandForEachOtherButNotForNothing) {
  const Json due_only = Without(Without(kInvoice, "total"), "subtotal");
  EXPECT_EQ(Decoded(due_only).total, 900);
  EXPECT_EQ(Decoded(due_only).subtotal, 900);
  EXPECT_EQ(Decoded(Without(kInvoice, "amount_due")).amount_due, 950);
  EXPECT_EQ(Decoded(Without(kInvoice, "subtotal")).subtotal, 950);
  EXPECT_FALSE(DecodeInvoice(Without(due_only, "amount_due")).has_value());
}

TEST(Invoice, StandsWithLittleMoreThanItsAmount) {
  const Invoice invoice = Decoded({{"id", "in_1"}, {"currency", "usd"}, {"amount_due", 5}});
  EXPECT_FALSE(invoice.status || invoice.customer || invoice.subscription || invoice.number);
  EXPECT_FALSE(invoice.created_s || invoice.paid_at || invoice.due_date || invoice.next_payment_attempt);
  EXPECT_EQ(invoice.attempt_count, 0);
  EXPECT_EQ(invoice.amount_remaining, 5);
}

TEST(Invoice, IsRefusedUnlessItsAmountsAreIntegers) {
  for (const char* key :
       {"amount_due", "amount_paid", "amount_remaining", "subtotal", "total", "attempt_count"}) {
    for (const Json& value :
         {Json("100"), Json(1000.0), Json(1.5), Json(true), Json::array(), Json::object()}) {
      const Result<Invoice, std::string> decoded = DecodeInvoice(With(kInvoice, {{key, value}}));
      ASSERT_FALSE(decoded.has_value()) << key << " " << value;
      EXPECT_TRUE(decoded.error().starts_with(std::string("invoice.") + key)) << decoded.error();
    }
  }
  EXPECT_FALSE(DecodeInvoice(With(kInvoice, {{"attempt_count", -1}})).has_value());
}

TEST(Invoice, IsRefusedWithMembersOfTheWrongType) {
  const Json payment = {{"type", "charge"}, {"charge", 7}};
  for (const Json& change : {Json{{"id", nullptr}},
                             Json{{"id", ""}},
                             Json{{"number", 1}},
                             Json{{"status", 7}},
                             Json{{"customer", 7}},
                             Json{{"customer", {{"name", "x"}}}},
                             Json{{"currency", nullptr}},
                             Json{{"currency", 7}},
                             Json{{"paid_out_of_band", "true"}},
                             Json{{"next_payment_attempt", "1"}},
                             Json{{"due_date", 1.5}},
                             Json{{"created", -1}},
                             Json{{"period_start", "x"}},
                             Json{{"period_end", 253'402'300'800}},
                             Json{{"billing_reason", 7}},
                             Json{{"collection_method", 7}},
                             Json{{"status_transitions", 7}},
                             Json{{"status_transitions", {{"paid_at", "x"}}}},
                             Json{{"parent", "sub_1"}},
                             Json{{"parent", {{"subscription_details", "sub_1"}}}},
                             Json{{"parent", {{"subscription_details", {{"subscription", 7}}}}}},
                             Json{{"parent", nullptr}, {"subscription", 7}},
                             Json{{"charge", 7}},
                             Json{{"payment_intent", {{"object", "x"}}}},
                             Json{{"payments", 7}},
                             Json{{"payments", {{"data", 7}}}},
                             Json{{"payments", {{"data", {7}}}}},
                             Json{{"payments", {{"data", {{{"payment", 7}}}}}}},
                             PaymentList({Payment(payment)}),
                             PaymentList({With(Payment(nullptr), {{"is_default", 1}})})}) {
    const Result<Invoice, std::string> decoded = DecodeInvoice(With(kInvoice, change));
    ASSERT_FALSE(decoded.has_value()) << change;
    EXPECT_TRUE(decoded.error().starts_with("invoice.")) << decoded.error();
  }
  for (const Json& object : {Json(nullptr), Json::array(), Json("in_1"), Json::object()})
    EXPECT_FALSE(DecodeInvoice(object).has_value()) << object;
}

}  // namespace
}  // namespace billhook::stripe
