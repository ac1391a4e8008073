#include "domain/stripe/money_object.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::BalanceTransaction;
using test::Charge;
using test::Dispute;
using test::PaymentIntent;
using test::Payout;
using test::Refund;
using test::With;
using test::Without;

MoneyObject Decoded(MoneyKind kind, const Json& object) {
  Result<MoneyObject, std::string> decoded = DecodeMoneyObject(kind, object);
  EXPECT_TRUE(decoded.has_value()) << decoded.error();
  return decoded ? *decoded : MoneyObject();
}

MoneyObject DecodedCharge(const Json& members) {
  return Decoded(MoneyKind::kCharge, With(Charge("ch_1", 1000), members));
}

TEST(MoneyKind, IsToldByTheTypeOfTheEvent) {
  const struct {
    const char* type;
    std::optional<MoneyKind> kind;
  } cases[] = {
      {"charge.succeeded", MoneyKind::kCharge},
      {"charge.refunded", MoneyKind::kCharge},
      {"charge.captured", MoneyKind::kCharge},
      {"charge.refund.updated", MoneyKind::kRefund},
      {"refund.created", MoneyKind::kRefund},
      {"charge.dispute.created", MoneyKind::kDispute},
      {"charge.dispute.funds_withdrawn", MoneyKind::kDispute},
      {"payment_intent.succeeded", MoneyKind::kPaymentIntent},
      {"payout.paid", MoneyKind::kPayout},
      {"customer.created", std::nullopt},
      {"charged", std::nullopt},
      {"refund", std::nullopt},
      {"MoneyDeposited", std::nullopt},
      {"v1.charge.succeeded", std::nullopt},
      {"payment_intents.x", std::nullopt},
      {"", std::nullopt},
      {"invoice.paid", MoneyKind::kInvoice},
      {"invoice.upcoming", std::nullopt},
      {"invoice_payment.paid", MoneyKind::kInvoicePayment},
      {"invoiceitem.created", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(MoneyKindOf(c.type), c.kind) << c.type;
}

TEST(MoneyKind, IsReadBackByItsName) {
  for (MoneyKind kind :
       {MoneyKind::kCharge, MoneyKind::kPaymentIntent, MoneyKind::kRefund, MoneyKind::kDispute,
        MoneyKind::kPayout, MoneyKind::kInvoice, MoneyKind::kInvoicePayment}) {
    EXPECT_EQ(MoneyKindNamed(NameOf(kind)), kind);
  }
  EXPECT_FALSE(MoneyKindNamed("customer").has_value());
}

TEST(MoneyObject, OfAChargeIsWhatWasCapturedAndRefunded) {
  const MoneyObject charge = DecodedCharge({{"customer", "cus_1"},
                                            {"payment_intent", "pi_1"},
                                            {"invoice", "in_1"},
                                            {"amount_refunded", 300},
                                            {"currency", "USD"}});
  EXPECT_EQ(charge.id, "ch_1");
  EXPECT_EQ(charge.amount, 1000);
  EXPECT_EQ(charge.captured, 1000);
  EXPECT_EQ(charge.refunded, 300);
  EXPECT_EQ(charge.currency, "usd");
  EXPECT_EQ(charge.customer, "cus_1");
  EXPECT_EQ(charge.payment_intent, "pi_1");
  EXPECT_EQ(charge.invoice, "in_1");
  EXPECT_EQ(charge.created_s, test::kNoon);
}

TEST(MoneyObject, OfAChargeCountsCapturesOfEveryVersion) {
  EXPECT_EQ(DecodedCharge({{"amount_captured", 600}}).captured, 600) << "in part";
  EXPECT_EQ(DecodedCharge({{"amount_captured", nullptr}}).captured, 1000) << "before amount_captured";
  EXPECT_EQ(DecodedCharge({{"amount_captured", nullptr}, {"captured", false}}).captured, 0);
  EXPECT_EQ(DecodedCharge({{"amount_captured", 0}, {"captured", false}}).captured, 0) << "an authorisation";
  EXPECT_EQ(DecodedCharge({{"status", "failed"}, {"paid", false}}).captured, 0);
  EXPECT_EQ(DecodedCharge({{"status", "pending"}, {"paid", false}}).captured, 0)
      << "e.g. a bank debit on its way";
  EXPECT_EQ(DecodedCharge({{"status", "paid"}}).captured, 1000) << "the status until 2015-02-18";
  EXPECT_EQ(DecodedCharge({{"status", nullptr}}).captured, 1000) << "before there was a status: paid";
  EXPECT_EQ(DecodedCharge({{"status", nullptr}, {"paid", false}}).captured, 0);
}

TEST(MoneyObject, OfAChargeLeavesOutWhatWasNeverCaptured) {
  const auto refunded = [](std::int64_t amount_captured, std::int64_t amount_refunded) {
    return DecodedCharge({{"amount_captured", amount_captured},
                          {"captured", amount_captured > 0},
                          {"amount_refunded", amount_refunded}})
        .refunded;
  };
  EXPECT_EQ(refunded(0, 1000), 0) << "a released authorisation";
  EXPECT_EQ(refunded(600, 400), 0) << "a capture in part";
  EXPECT_EQ(refunded(600, 500), 100);
  EXPECT_EQ(refunded(600, 1000), 600);
  EXPECT_EQ(refunded(600, 0), 0) << "never below 0";
  EXPECT_EQ(refunded(1000, 1000), 1000);
}

TEST(MoneyObject, OfAnIntentIsWhatItReceived) {
  const MoneyObject intent =
      Decoded(MoneyKind::kPaymentIntent,
              With(PaymentIntent("pi_1", 700),
                   {{"amount", 1000}, {"latest_charge", {{"id", "ch_1"}}}, {"customer", "cus_1"}}));
  EXPECT_EQ(intent.amount, 700);
  EXPECT_EQ(intent.charge, "ch_1");
  EXPECT_EQ(intent.customer, "cus_1");
}

TEST(MoneyObject, OfARefundHasItsStatusAndLinks) {
  const MoneyObject refund = Decoded(MoneyKind::kRefund, With(Refund("re_1", 300, "ch_1", "pending"),
                                                              {{"payment_intent", {{"id", "pi_1"}}}}));
  EXPECT_EQ(refund.amount, 300);
  EXPECT_EQ(refund.status, "pending");
  EXPECT_EQ(refund.charge, "ch_1");
  EXPECT_EQ(refund.payment_intent, "pi_1");
  EXPECT_EQ(Decoded(MoneyKind::kRefund, Without(Refund("re_1", 300, "ch_1"), "status")).status, "succeeded");
}

TEST(MoneyObject, OfAnInvoiceIsWhatWasPaidOutOfBand) {
  const Json invoice = {{"object", "invoice"},
                        {"id", "in_1"},
                        {"amount_paid", 900},
                        {"currency", "usd"},
                        {"customer", "cus_1"}};
  EXPECT_EQ(Decoded(MoneyKind::kInvoice, With(invoice, {{"paid_out_of_band", true}})).amount, 900);
  EXPECT_EQ(Decoded(MoneyKind::kInvoice, With(invoice, {{"paid_out_of_band", false}})).amount, 0);
  EXPECT_EQ(Decoded(MoneyKind::kInvoice, {{"id", "in_1"}}).amount, 0)
      << "of other invoices the ledger needs nothing";
  EXPECT_FALSE(
      DecodeMoneyObject(MoneyKind::kInvoice, {{"id", "in_1"}, {"paid_out_of_band", true}}).has_value());
  EXPECT_FALSE(DecodeMoneyObject(MoneyKind::kInvoice,
                                 With(Without(invoice, "amount_paid"),
                                      {{"paid_out_of_band", true}, {"status", "paid"}, {"amount_due", 900}}))
                   .has_value())
      << "what is not told is not booked";
}

TEST(MoneyObject, OfAnInvoicePaymentIsWhatAPaymentRecordPaid) {
  const auto payment = [](const std::string& type, const std::string& status) {
    return Decoded(MoneyKind::kInvoicePayment, {{"object", "invoice_payment"},
                                                {"id", "inpay_1"},
                                                {"amount_paid", 900},
                                                {"currency", "usd"},
                                                {"status", status},
                                                {"invoice", "in_1"},
                                                {"payment", {{"type", type}, {type, "id_1"}}}});
  };
  EXPECT_EQ(payment("payment_record", "paid").amount, 900);
  EXPECT_EQ(payment("payment_record", "paid").invoice, "in_1");
  EXPECT_EQ(payment("payment_record", "open").amount, 0);
  EXPECT_EQ(payment("payment_intent", "paid").amount, 0) << "Stripe tells of it by the intent itself";
}

TEST(MoneyObject, KeepsBalanceTransactionsThatArePresentInFull) {
  const Json whole = BalanceTransaction("txn_1", 1000, 59, "EUR");
  const MoneyObject charge = DecodedCharge({{"balance_transaction", whole}});
  ASSERT_EQ(charge.balance_transactions.size(), 1u);
  EXPECT_EQ(charge.balance_transactions[0].id, "txn_1");
  EXPECT_EQ(charge.balance_transactions[0].amount, 1000);
  EXPECT_EQ(charge.balance_transactions[0].fee, 59);
  EXPECT_EQ(charge.balance_transactions[0].currency, "eur");
  EXPECT_EQ(charge.balance_transactions[0].created_s, test::kNoon);
  EXPECT_TRUE(DecodedCharge({{"balance_transaction", "txn_1"}}).balance_transactions.empty()) << "a bare ID";
  EXPECT_TRUE(DecodedCharge({{"balance_transaction", nullptr}}).balance_transactions.empty());
  for (MoneyKind kind : {MoneyKind::kRefund, MoneyKind::kPayout}) {
    const Json object = kind == MoneyKind::kRefund ? Refund("re_1", 1, "ch_1") : Payout("po_1", 1, "paid");
    EXPECT_EQ(Decoded(kind, With(object, {{"balance_transaction", whole}})).balance_transactions.size(), 1u);
  }
  const Json dispute = Dispute("dp_1", 1000, "ch_1", "lost");
  EXPECT_EQ(Decoded(MoneyKind::kDispute,
                    With(dispute, {{"balance_transactions",
                                    {whole, "txn_2", BalanceTransaction("txn_3", -5, 0, "eur")}}}))
                .balance_transactions.size(),
            2u);
}

TEST(MoneyObject, TakesTheEdgesOf64Bits) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  const MoneyObject charge =
      Decoded(MoneyKind::kCharge, With(Charge("ch_1", kMax), {{"amount_refunded", kMax}}));
  EXPECT_EQ(charge.captured, kMax);
  EXPECT_EQ(charge.refunded, kMax);
  EXPECT_EQ(Decoded(MoneyKind::kCharge,
                    With(Charge("ch_1", kMax), {{"amount_captured", 0}, {"amount_refunded", kMax}}))
                .refunded,
            0);
  EXPECT_EQ(Decoded(MoneyKind::kCharge,
                    With(Charge("ch_1", 0), {{"amount_captured", kMax}, {"amount_refunded", kMax}}))
                .refunded,
            kMax);
  EXPECT_EQ(DecodedCharge({{"balance_transaction", BalanceTransaction("txn_1", kMin, kMin)}})
                .balance_transactions.at(0)
                .amount,
            kMin);
}

// Found by the undefined-behaviour sanitizer: a negative amount was refused, but reckoned with before.
TEST(MoneyObject, ReckonsWithNoAmountThatItRefuses) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
  for (const Json& members :
       {Json{{"amount", kMin}, {"amount_captured", kMax}}, Json{{"amount", kMax}, {"amount_captured", kMin}},
        Json{{"amount_refunded", kMin}, {"amount_captured", 0}}}) {
    EXPECT_FALSE(DecodeMoneyObject(MoneyKind::kCharge, With(Charge("ch_1", 1000), members)).has_value())
        << members;
  }
}

TEST(MoneyObject, IsRefusedUnlessItsAmountsAreIntegersThatCanBe) {
  const struct {
    MoneyKind kind;
    Json object;
    std::vector<const char*> required;
    std::vector<const char*> optional;
  } cases[] = {
      {MoneyKind::kCharge, Charge("ch_1", 1000), {"amount"}, {"amount_captured", "amount_refunded"}},
      {MoneyKind::kPaymentIntent, PaymentIntent("pi_1", 1000), {"amount_received"}, {}},
      {MoneyKind::kRefund, Refund("re_1", 1000, "ch_1"), {"amount"}, {}},
      {MoneyKind::kDispute, Dispute("dp_1", 1000, "ch_1", "lost"), {"amount"}, {}},
      {MoneyKind::kPayout, Payout("po_1", 1000, "paid"), {"amount"}, {}},
  };
  const std::vector<Json> unusable = {Json("100"), Json(1000.0),  Json(1e3),     Json(-1),
                                      Json(true),  Json::array(), Json::object()};
  for (const auto& c : cases) {
    std::vector<const char*> keys = c.required;
    keys.insert(keys.end(), c.optional.begin(), c.optional.end());
    for (const char* key : keys) {
      for (const Json& value : unusable) {
        if (c.kind == MoneyKind::kPayout && value == Json(-1)) continue;  // taken from the bank
        const Result<MoneyObject, std::string> decoded =
            DecodeMoneyObject(c.kind, With(c.object, {{key, value}}));
        ASSERT_FALSE(decoded.has_value()) << key << " " << value;
        EXPECT_TRUE(decoded.error().starts_with(std::string(NameOf(c.kind)) + "." + key)) << decoded.error();
      }
    }
    for (const char* key : c.required) {
      EXPECT_FALSE(DecodeMoneyObject(c.kind, Without(c.object, key)).has_value()) << key;
      EXPECT_FALSE(DecodeMoneyObject(c.kind, With(c.object, {{key, nullptr}})).has_value()) << key;
    }
    for (const char* key : c.optional)
      EXPECT_TRUE(DecodeMoneyObject(c.kind, Without(c.object, key)).has_value()) << key;
    for (const char* key : {"id", "currency"}) {
      for (const Json& value : {Json(nullptr), Json(""), Json(7), Json("a\nb")}) {
        EXPECT_FALSE(DecodeMoneyObject(c.kind, With(c.object, {{key, value}})).has_value())
            << key << " " << value;
      }
    }
  }
}

TEST(MoneyObject, IsRefusedWithLinksAndTransactionsOfTheWrongType) {
  const Json dispute = Dispute("dp_1", 1000, "ch_1", "lost");
  const struct {
    MoneyKind kind;
    Json object;
  } cases[] = {
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"customer", 7}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"payment_intent", {{"object", "payment_intent"}}}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"captured", "true"}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"status", 7}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"status", nullptr}, {"paid", "true"}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"created", "now"}})},
      {MoneyKind::kCharge, With(Charge("ch_1", 1), {{"balance_transaction", {{"id", "txn_1"}}}})},
      {MoneyKind::kRefund, With(Refund("re_1", 1, "ch_1"), {{"charge", ""}})},
      {MoneyKind::kDispute, With(dispute, {{"balance_transactions", "txn_1"}})},
      {MoneyKind::kDispute,
       With(dispute,
            {{"balance_transactions", {With(BalanceTransaction("txn_1", -1, 0), {{"amount", "-1"}})}}})},
      {MoneyKind::kDispute,
       With(dispute, {{"balance_transactions", {With(BalanceTransaction("txn_1", -1, 0), {{"fee", 1.5}})}}})},
      {MoneyKind::kDispute, With(dispute, {{"balance_transactions",
                                            {BalanceTransaction("txn_1", -1, 0, "usd"),
                                             BalanceTransaction("txn_2", 1, 0, "eur")}}})},
  };
  for (const auto& c : cases) EXPECT_FALSE(DecodeMoneyObject(c.kind, c.object).has_value()) << c.object;
}

}  // namespace
}  // namespace billhook::stripe
