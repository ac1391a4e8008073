#include "projections/payment_ledger/payment_ledger.h"

#include <limits>

#include <gtest/gtest.h>

#include "projections/payment_ledger/entry_versions.h"
#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::BalanceTransaction;
using test::Charge;
using test::Dispute;
using test::kNoon;
using test::MemoryReadModel;
using test::PaymentIntent;
using test::Payout;
using test::Refund;
using test::StripeEvent;
using test::With;
using test::Without;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

const PaymentLedger kLedger;

// What stands in the ledger once the events have arrived, in whatever order and batches.
MemoryReadModel Ledger(const std::vector<StripeEvent>& events) {
  const MemoryReadModel read_model = test::ProjectInEveryOrder(kLedger, events);
  for (const Json& row : read_model.Rows(ledger::kEntriesTable)) {
    const Json& postings = row["body"]["postings"];
    EXPECT_EQ(postings.size(), 2u) << row;
    EXPECT_EQ(postings[0]["amount"].get<std::int64_t>() + postings[1]["amount"].get<std::int64_t>(), 0)
        << row;
    EXPECT_NE(row["amount"], 0) << row;
  }
  return read_model;
}

// The entries as "id debit/credit amount currency" in order of their IDs.
using Lines = std::vector<std::string>;
Lines Entries(const MemoryReadModel& read_model) {
  Lines lines;
  for (const Json& row : read_model.Rows(ledger::kEntriesTable)) {
    lines.push_back(row["id"].get<std::string>() + " " + row["debit"].get<std::string>() + "/" +
                    row["credit"].get<std::string>() + " " + row["amount"].dump() + " " +
                    row["currency"].get<std::string>());
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

Lines EntriesOf(const std::vector<StripeEvent>& events) {
  return Entries(Ledger(events));
}

// The body of the entry of that ID, null without one.
Json EntryOf(const MemoryReadModel& read_model, const std::string& id) {
  for (const Json& row : read_model.Rows(ledger::kEntriesTable)) {
    if (row["id"] == id) return row["body"];
  }
  return nullptr;
}

// An event about the object, named by a number; a second a number, so that a greater one is newer.
StripeEvent At(int number, const std::string& type, const Json& object) {
  return {.id = "evt_" + std::to_string(number), .type = type, .object = object, .created_s = kNoon + number};
}

Json OfIntent(const Json& object) {
  return With(object, {{"payment_intent", "pi_1"}});
}

Json Refunded(std::int64_t amount, std::int64_t amount_refunded) {
  return With(Charge("ch_1", amount), {{"amount_refunded", amount_refunded}});
}

Json Listing(const Json& dispute, const Json& transactions) {
  return With(dispute, {{"balance_transactions", transactions}});
}

TEST(PaymentLedger, BooksAChargeWithoutAnIntentUnderItself) {
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", Charge("ch_1", 1000))}),
            (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, CountsAPaymentSeenAsChargeAndAsIntentOnce) {
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", OfIntent(Charge("ch_1", 1000))),
                       At(2, "payment_intent.succeeded", PaymentIntent("pi_1", 1000))}),
            (Lines{"payment:pi_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, BooksAnIntentWhoseChargeNeverArrives) {
  EXPECT_EQ(EntriesOf({At(1, "payment_intent.created",
                          With(PaymentIntent("pi_1", 0), {{"status", "requires_payment_method"}})),
                       At(2, "payment_intent.succeeded", PaymentIntent("pi_1", 1000))}),
            (Lines{"payment:pi_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, BooksAnIntentOfWhichOnlyTheChargeArrives) {
  const MemoryReadModel ledger =
      Ledger({At(1, "charge.succeeded",
                 With(OfIntent(Charge("ch_1", 1000)), {{"customer", "cus_1"}, {"invoice", "in_1"}}))});
  EXPECT_EQ(EntryOf(ledger, "payment:pi_1"), (Json{{"id", "payment:pi_1"},
                                                   {"type", "payment"},
                                                   {"source", "pi_1"},
                                                   {"amount", 1000},
                                                   {"currency", "usd"},
                                                   {"livemode", true},
                                                   {"account", nullptr},
                                                   {"customer", "cus_1"},
                                                   {"payment_intent", "pi_1"},
                                                   {"charge", "ch_1"},
                                                   {"invoice", "in_1"},
                                                   {"occurred_at", "2026-01-01T12:00:00Z"},
                                                   {"updated_by", "evt_1"},
                                                   {"postings",
                                                    {{{"ledger_account", "stripe_balance"}, {"amount", 1000}},
                                                     {{"ledger_account", "payments"}, {"amount", -1000}}}}}));
}

TEST(PaymentLedger, BooksTheLargerOfWhatTheIntentReceivedAndWhatItsChargesCaptured) {
  const StripeEvent failed = At(1, "charge.failed",
                                With(OfIntent(Charge("ch_0", 1000)),
                                     {{"status", "failed"}, {"captured", false}, {"amount_captured", 0}}));
  const StripeEvent first = At(2, "charge.succeeded", OfIntent(Charge("ch_1", 600)));
  const StripeEvent second = At(3, "charge.succeeded", OfIntent(Charge("ch_2", 300)));
  const auto received = [](std::int64_t amount) {
    return At(4, "payment_intent.succeeded", PaymentIntent("pi_1", amount));
  };
  EXPECT_EQ(EntriesOf({failed, first, second, received(600)}),
            (Lines{"payment:pi_1 stripe_balance/payments 900 usd"}));
  EXPECT_EQ(EntriesOf({failed, first, second, received(1000)}),
            (Lines{"payment:pi_1 stripe_balance/payments 1000 usd"}));
  EXPECT_EQ(EntriesOf({failed, second}), (Lines{"payment:pi_1 stripe_balance/payments 300 usd"}));
  EXPECT_EQ(EntriesOf({failed}), Lines{});
}

TEST(PaymentLedger, BooksWhatWasCapturedAndNothingForWhatWasReleased) {
  const Json authorised = With(Charge("ch_1", 1000), {{"captured", false}, {"amount_captured", 0}});
  const Json captured = With(Charge("ch_1", 1000), {{"amount_captured", 600}, {"amount_refunded", 400}});
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", authorised)}), Lines{});
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", authorised), At(2, "charge.captured", captured)}),
            (Lines{"payment:ch_1 stripe_balance/payments 600 usd"}));
  EXPECT_EQ(
      EntriesOf({At(1, "charge.succeeded", authorised), At(2, "charge.captured", captured),
                 At(3, "charge.refunded", With(captured, {{"amount_refunded", 500}}))}),
      (Lines{"payment:ch_1 stripe_balance/payments 600 usd", "refund:ch_1 refunds/stripe_balance 100 usd"}));
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", authorised),
                       At(2, "charge.refunded", With(authorised, {{"amount_refunded", 1000}}))}),
            Lines{})
      << "a released authorisation";
}

TEST(PaymentLedger, BooksOldChargesThatSayOnlyWhetherTheyWereCaptured) {
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", Without(Charge("ch_1", 1000), "amount_captured"))}),
            (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, BooksEachRefundOnceWhicheverEventsTellOfIt) {
  EXPECT_EQ(
      EntriesOf({At(1, "charge.succeeded", Charge("ch_1", 1000)),
                 At(2, "refund.created", Refund("re_1", 300, "ch_1", "pending")),
                 At(3, "charge.refunded", Refunded(1000, 300)),
                 At(4, "charge.refund.updated", Refund("re_1", 300, "ch_1")),
                 At(5, "refund.created", Refund("re_2", 200, "ch_1"))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "refund:re_1 refunds/stripe_balance 300 usd",
             "refund:re_2 refunds/stripe_balance 200 usd"}));
}

TEST(PaymentLedger, BooksTheRestOfWhatWasRefundedBesideTheRefundsThatAreKnown) {
  EXPECT_EQ(
      EntriesOf(
          {At(1, "charge.refunded", Refunded(1000, 300)), At(2, "charge.refunded", Refunded(1000, 800))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "refund:ch_1 refunds/stripe_balance 800 usd"}))
      << "for accounts that get charge.refunded only";
  EXPECT_EQ(
      EntriesOf({At(1, "charge.refunded", Refunded(1000, 800)),
                 At(2, "refund.created", Refund("re_1", 300, "ch_1"))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "refund:ch_1 refunds/stripe_balance 500 usd",
             "refund:re_1 refunds/stripe_balance 300 usd"}));
  EXPECT_EQ(
      EntriesOf({At(1, "charge.refunded", Refunded(1000, 100)),
                 At(2, "refund.created", Refund("re_1", 300, "ch_1"))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "refund:re_1 refunds/stripe_balance 300 usd"}))
      << "never below 0: the charge is of before the second refund";
}

TEST(PaymentLedger, NamesTheNewestEventThatARestComesFrom) {
  const StripeEvent charge = At(2, "charge.refunded", With(Refunded(1000, 800), {{"customer", "cus_1"}}));
  const Json of_charge =
      EntryOf(Ledger({charge, At(1, "refund.created", Refund("re_1", 300, "ch_1"))}), "refund:ch_1");
  EXPECT_EQ(of_charge["updated_by"], "evt_2");
  EXPECT_EQ(of_charge["occurred_at"], "2026-01-01T12:00:02Z");
  EXPECT_EQ(of_charge["charge"], "ch_1");
  EXPECT_EQ(of_charge["customer"], "cus_1");
  EXPECT_EQ(EntryOf(Ledger({charge, At(3, "refund.created", Refund("re_1", 300, "ch_1"))}),
                    "refund:ch_1")["updated_by"],
            "evt_3");
}

TEST(PaymentLedger, BooksNoRefundThatFailedNeitherItselfNorAsTheRest) {
  for (const char* status : {"failed", "canceled", "requires_action"}) {
    EXPECT_EQ(EntriesOf({At(1, "charge.refunded", Refunded(1000, 300)),
                         At(2, "refund.created", Refund("re_1", 300, "ch_1")),
                         At(3, "refund.updated", Refund("re_1", 300, "ch_1", status))}),
              (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}))
        << status;
  }
}

TEST(PaymentLedger, CountsARefundThatNamesOnlyItsIntentForTheChargeOfThatIntent) {
  const Json refund = With(Refund("re_1", 300, "ch_1"), {{"charge", nullptr}, {"payment_intent", "pi_1"}});
  const MemoryReadModel ledger =
      Ledger({At(1, "charge.refunded", OfIntent(Refunded(1000, 400))), At(2, "refund.created", refund),
              At(3, "payment_intent.succeeded", With(PaymentIntent("pi_1", 1000), {{"customer", "cus_1"}}))});
  EXPECT_EQ(Entries(ledger), (Lines{"payment:pi_1 stripe_balance/payments 1000 usd",
                                    "refund:ch_1 refunds/stripe_balance 100 usd",
                                    "refund:re_1 refunds/stripe_balance 300 usd"}));
  EXPECT_EQ(EntryOf(ledger, "refund:re_1")["customer"], "cus_1");
  EXPECT_EQ(EntryOf(ledger, "refund:ch_1")["customer"], "cus_1") << "the charge itself names none";
}

TEST(PaymentLedger, CountsARefundThatNamesOnlyItsIntentOnceOverTheChargesOfThatIntent) {
  const Json refund = With(Refund("re_1", 100, "ch_1"), {{"charge", nullptr}, {"payment_intent", "pi_1"}});
  const Json other = With(OfIntent(Charge("ch_2", 1000)), {{"amount_refunded", 100}});
  EXPECT_EQ(
      EntriesOf({At(1, "charge.refunded", OfIntent(Refunded(1000, 100))), At(2, "charge.refunded", other),
                 At(3, "refund.created", refund)}),
      (Lines{"payment:pi_1 stripe_balance/payments 2000 usd", "refund:ch_2 refunds/stripe_balance 100 usd",
             "refund:re_1 refunds/stripe_balance 100 usd"}));
}

TEST(PaymentLedger, KeepsTheTimeOfARefundWhenItsChargeIsTouchedLater) {
  const MemoryReadModel ledger =
      Ledger({At(1, "charge.refunded", Refunded(1000, 200)), At(2, "charge.refunded", Refunded(1000, 300)),
              At(9, "charge.updated", With(Refunded(1000, 300), {{"metadata", {{"k", "v"}}}}))});
  EXPECT_EQ(EntryOf(ledger, "refund:ch_1")["occurred_at"], FormatRfc3339((kNoon + 2) * kMicrosPerSecond));
}

TEST(PaymentLedger, LinksARefundToItsChargeWhenThatArrives) {
  const StripeEvent refund = At(2, "refund.created", Refund("re_1", 300, "ch_1"));
  const StripeEvent charge =
      At(1, "charge.succeeded",
         With(OfIntent(Charge("ch_1", 1000)), {{"customer", "cus_1"}, {"invoice", "in_1"}}));
  const Json alone = EntryOf(Ledger({refund}), "refund:re_1");
  EXPECT_EQ(alone["amount"], 300) << "it counts at once";
  EXPECT_EQ(alone["charge"], "ch_1");
  EXPECT_EQ(alone["customer"], nullptr);
  const Json linked = EntryOf(Ledger({refund, charge}), "refund:re_1");
  EXPECT_EQ(linked["customer"], "cus_1");
  EXPECT_EQ(linked["payment_intent"], "pi_1");
  EXPECT_EQ(linked["invoice"], "in_1");
  EXPECT_EQ(linked["updated_by"], "evt_2");
}

// A refund or dispute that came in a later batch than its charge took the charge's own payment away with it:
// the entries of the charge were booked anew, but for the payment.
TEST(PaymentLedger, KeepsThePaymentOfAChargeWithoutIntentWhenARefundOrDisputeComesLater) {
  EXPECT_EQ(
      EntriesOf({At(1, "charge.succeeded", Charge("ch_1", 1000)),
                 At(2, "refund.created", Refund("re_1", 300, "ch_1"))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "refund:re_1 refunds/stripe_balance 300 usd"}));
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", Charge("ch_1", 1000)),
                       At(2, "charge.dispute.created", Dispute("dp_1", 300, "ch_1", "needs_response"))}),
            (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, MovesAPaymentToItsIntentOnceThatIsKnown) {
  const MemoryReadModel ledger =
      Ledger({At(1, "charge.pending", With(Charge("ch_1", 1000), {{"payment_intent", nullptr}})),
              At(2, "charge.succeeded", OfIntent(Charge("ch_1", 1000))),
              At(3, "payment_intent.succeeded", PaymentIntent("pi_1", 1000)),
              At(4, "refund.created", Refund("re_1", 300, "ch_1"))});
  EXPECT_EQ(Entries(ledger), (Lines{"payment:pi_1 stripe_balance/payments 1000 usd",
                                    "refund:re_1 refunds/stripe_balance 300 usd"}));
  EXPECT_EQ(EntryOf(ledger, "refund:re_1")["payment_intent"], "pi_1");
}

TEST(PaymentLedger, MovesARefundToAnotherChargeWhenItSaysSo) {
  EXPECT_EQ(
      EntriesOf({At(1, "charge.refunded", Refunded(1000, 300)),
                 At(2, "refund.created", Refund("re_1", 300, "ch_1")),
                 At(3, "refund.updated", Refund("re_1", 300, "ch_2")),
                 At(4, "charge.refunded", With(Charge("ch_2", 500), {{"amount_refunded", 400}}))}),
      (Lines{"payment:ch_1 stripe_balance/payments 1000 usd", "payment:ch_2 stripe_balance/payments 500 usd",
             "refund:ch_1 refunds/stripe_balance 300 usd", "refund:ch_2 refunds/stripe_balance 100 usd",
             "refund:re_1 refunds/stripe_balance 300 usd"}));
}

TEST(PaymentLedger, BooksADisputeByItsBalanceTransactions) {
  const Json withdrawal = BalanceTransaction("txn_1", -1000, 1500);
  const StripeEvent withdrawn =
      At(1, "charge.dispute.funds_withdrawn",
         Listing(Dispute("dp_1", 1000, "ch_1", "needs_response"), {withdrawal, "txn_0"}));
  const auto won = [&](std::int64_t fee_back) {
    return At(2, "charge.dispute.closed",
              Listing(Dispute("dp_1", 1000, "ch_1", "won"),
                      {withdrawal, BalanceTransaction("txn_2", 1000, -fee_back)}));
  };
  EXPECT_EQ(EntriesOf({withdrawn}), (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd",
                                           "fee:txn_1 fees/stripe_balance 1500 usd"}));
  EXPECT_EQ(EntriesOf({withdrawn, won(0)}), (Lines{"fee:txn_1 fees/stripe_balance 1500 usd"}))
      << "won, the fee kept";
  EXPECT_EQ(EntriesOf({withdrawn, won(1500)}),
            (Lines{"fee:txn_1 fees/stripe_balance 1500 usd", "fee:txn_2 fees/stripe_balance -1500 usd"}))
      << "won, the fee back";
  EXPECT_EQ(
      EntriesOf({withdrawn, At(2, "charge.dispute.closed",
                               Listing(Dispute("dp_1", 1000, "ch_1", "lost"), {withdrawal, "txn_0"}))}),
      (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd", "fee:txn_1 fees/stripe_balance 1500 usd"}))
      << "lost";
}

TEST(PaymentLedger, TakesTheTransactionsOfADisputeFromItsNewestStateThatListsAny) {
  const Json withdrawal = BalanceTransaction("txn_1", -1000, 0);
  EXPECT_EQ(EntriesOf({At(1, "charge.dispute.funds_withdrawn",
                          Listing(Dispute("dp_1", 1000, "ch_1", "needs_response"), {withdrawal, "txn_0"})),
                       At(2, "charge.dispute.updated", Dispute("dp_1", 1000, "ch_1", "under_review")),
                       At(3, "charge.dispute.closed",
                          Without(Dispute("dp_1", 1000, "ch_1", "lost"), "balance_transactions")),
                       At(4, "charge.dispute.updated",
                          Listing(Dispute("dp_1", 1000, "ch_1", "lost"), {"txn_0", "txn_1"}))}),
            (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd"}));
}

TEST(PaymentLedger, BooksADisputeThatListsNoTransactionsByItsFundsEvents) {
  const StripeEvent created =
      At(1, "charge.dispute.created", Dispute("dp_1", 1000, "ch_1", "needs_response"));
  const StripeEvent withdrawn =
      At(2, "charge.dispute.funds_withdrawn", Dispute("dp_1", 1000, "ch_1", "needs_response"));
  const StripeEvent reinstated =
      At(3, "charge.dispute.funds_reinstated", Dispute("dp_1", 1000, "ch_1", "won"));
  EXPECT_EQ(EntriesOf({created}), Lines{});
  EXPECT_EQ(EntriesOf({created, withdrawn}), (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd"}));
  EXPECT_EQ(EntriesOf({created, withdrawn, reinstated}), Lines{});
  EXPECT_EQ(
      EntriesOf({created, withdrawn, At(4, "charge.dispute.closed", Dispute("dp_1", 1000, "ch_1", "lost"))}),
      (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd"}));
}

TEST(PaymentLedger, BooksNothingForAnInquiry) {
  for (const char* status : {"warning_needs_response", "warning_under_review", "warning_closed"}) {
    EXPECT_EQ(
        EntriesOf({At(1, "charge.dispute.created", Dispute("dp_1", 1000, "ch_1", "warning_needs_response")),
                   At(2, "charge.dispute.funds_withdrawn", Dispute("dp_1", 1000, "ch_1", status))}),
        Lines{});
  }
  EXPECT_EQ(
      EntriesOf({At(1, "charge.dispute.created", Dispute("dp_1", 1000, "ch_1", "warning_needs_response")),
                 At(2, "charge.dispute.funds_withdrawn", Dispute("dp_1", 1000, "ch_1", "needs_response"))}),
      (Lines{"dispute:dp_1 disputes/stripe_balance 1000 usd"}))
      << "an inquiry that became a dispute";
}

TEST(PaymentLedger, BooksADisputeInTheCurrencyOfItsSettlement) {
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", Charge("ch_1", 1000)),
                       At(2, "charge.dispute.funds_withdrawn",
                          Listing(Dispute("dp_1", 1000, "ch_1", "needs_response"),
                                  {BalanceTransaction("txn_1", -930, 1500, "EUR"), "txn_0"}))}),
            (Lines{"dispute:dp_1 disputes/stripe_balance 930 eur", "fee:txn_1 fees/stripe_balance 1500 eur",
                   "payment:ch_1 stripe_balance/payments 1000 usd"}));
}

TEST(PaymentLedger, BooksARefundAndADisputeOfOneChargeSideBySide) {
  const MemoryReadModel ledger =
      Ledger({At(1, "charge.succeeded", With(Charge("ch_1", 1000), {{"customer", "cus_1"}})),
              At(2, "refund.created", Refund("re_1", 300, "ch_1")),
              At(3, "charge.refunded", With(Refunded(1000, 300), {{"customer", "cus_1"}})),
              At(4, "charge.dispute.funds_withdrawn",
                 Listing(Dispute("dp_1", 700, "ch_1", "needs_response"),
                         {BalanceTransaction("txn_1", -700, 0), "txn_0"}))});
  EXPECT_EQ(Entries(ledger), (Lines{"dispute:dp_1 disputes/stripe_balance 700 usd",
                                    "payment:ch_1 stripe_balance/payments 1000 usd",
                                    "refund:re_1 refunds/stripe_balance 300 usd"}));
  EXPECT_EQ(EntryOf(ledger, "dispute:dp_1")["customer"], "cus_1");
}

TEST(PaymentLedger, BooksTheFeesOfTransactionsThatArePresentInFull) {
  const StripeEvent expanded =
      At(1, "charge.succeeded",
         With(Charge("ch_1", 1000), {{"balance_transaction", BalanceTransaction("txn_1", 1000, 59)}}));
  EXPECT_EQ(EntriesOf({expanded, At(2, "charge.updated",
                                    With(Charge("ch_1", 1000), {{"balance_transaction", "txn_1"}}))}),
            (Lines{"fee:txn_1 fees/stripe_balance 59 usd", "payment:ch_1 stripe_balance/payments 1000 usd"}))
      << "a later state that names the transaction only takes nothing back";
  EXPECT_EQ(EntriesOf({expanded, At(2, "charge.updated",
                                    With(Charge("ch_1", 1000),
                                         {{"balance_transaction", BalanceTransaction("txn_1", 1000, 61)}}))}),
            (Lines{"fee:txn_1 fees/stripe_balance 61 usd", "payment:ch_1 stripe_balance/payments 1000 usd"}));
  EXPECT_EQ(EntriesOf({At(1, "payout.paid",
                          With(Payout("po_1", 500, "paid"),
                               {{"balance_transaction", BalanceTransaction("txn_1", -500, 25)}}))}),
            (Lines{"fee:txn_1 fees/stripe_balance 25 usd", "payout:po_1 bank/stripe_balance 500 usd"}));
}

TEST(PaymentLedger, BooksTheFeeOfATransactionOnceWhicheverObjectsShowIt) {
  const Json transaction = BalanceTransaction("txn_1", 1000, 59);
  const Json charge = With(OfIntent(Charge("ch_1", 1000)), {{"balance_transaction", transaction}});
  const Json intent = With(PaymentIntent("pi_1", 1000), {{"latest_charge", charge}});
  const Lines once = {"fee:txn_1 fees/stripe_balance 59 usd",
                      "payment:pi_1 stripe_balance/payments 1000 usd"};
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", charge), At(2, "payment_intent.succeeded", intent)}), once);
  EXPECT_EQ(EntriesOf({At(2, "payment_intent.succeeded", intent)}), once);
}

TEST(PaymentLedger, GivesTheFeeOfAFailedRefundBack) {
  EXPECT_EQ(EntriesOf({At(1, "refund.failed",
                          With(Refund("re_1", 300, "ch_1", "failed"),
                               {{"balance_transaction", BalanceTransaction("txn_1", -300, -3)},
                                {"failure_balance_transaction", BalanceTransaction("txn_2", 300, 3)}}))}),
            (Lines{"fee:txn_1 fees/stripe_balance -3 usd", "fee:txn_2 fees/stripe_balance 3 usd"}));
}

TEST(PaymentLedger, BooksAPayoutWhileItIsOnItsWayOrPaid) {
  const auto payout = [](int number, const std::string& status) {
    return At(number, "payout.updated", Payout("po_1", 5000, status));
  };
  EXPECT_EQ(EntriesOf({payout(1, "pending")}), Lines{});
  EXPECT_EQ(EntriesOf({payout(1, "pending"), payout(2, "in_transit")}),
            (Lines{"payout:po_1 bank/stripe_balance 5000 usd"}));
  EXPECT_EQ(EntriesOf({payout(1, "pending"), payout(2, "in_transit"), payout(3, "paid")}),
            (Lines{"payout:po_1 bank/stripe_balance 5000 usd"}));
  EXPECT_EQ(EntriesOf({payout(1, "in_transit"), payout(2, "paid"), payout(3, "failed")}), Lines{});
  EXPECT_EQ(EntriesOf({payout(1, "pending"), payout(2, "canceled")}), Lines{});
}

TEST(PaymentLedger, BooksWhatAPayoutTookFromTheBankToCoverANegativeBalance) {
  EXPECT_EQ(EntriesOf({At(1, "payout.paid", Payout("po_1", -700, "paid"))}),
            (Lines{"payout:po_1 bank/stripe_balance -700 usd"}));
}

TEST(PaymentLedger, LinksAPaymentToItsInvoiceByTheInvoicePaymentThatNamesBoth) {
  const Json allotment = {{"object", "invoice_payment"},
                          {"id", "inpay_1"},
                          {"invoice", "in_1"},
                          {"amount_paid", 1000},
                          {"currency", "usd"},
                          {"status", "paid"},
                          {"payment", {{"type", "payment_intent"}, {"payment_intent", "pi_1"}}}};
  const MemoryReadModel ledger = Ledger({At(1, "charge.succeeded", OfIntent(Charge("ch_1", 1000))),
                                         At(2, "invoice_payment.paid", allotment),
                                         At(3, "refund.created", Refund("re_1", 300, "ch_1"))});
  EXPECT_EQ(EntryOf(ledger, "payment:pi_1")["invoice"], "in_1");
  EXPECT_EQ(EntryOf(ledger, "refund:re_1")["invoice"], "in_1");
}

TEST(PaymentLedger, BooksWhatWasPaidOutOfBand) {
  const Json invoice = {{"object", "invoice"}, {"id", "in_1"},        {"status", "open"},
                        {"currency", "usd"},   {"customer", "cus_1"}, {"created", kNoon}};
  const MemoryReadModel old =
      Ledger({At(1, "invoice.finalized", invoice),
              At(2, "invoice.paid",
                 With(invoice, {{"status", "paid"}, {"paid_out_of_band", true}, {"amount_paid", 900}}))});
  EXPECT_EQ(Entries(old), (Lines{"payment:in_1 external/payments 900 usd"}));
  EXPECT_EQ(EntryOf(old, "payment:in_1")["customer"], "cus_1");
  EXPECT_EQ(EntryOf(old, "payment:in_1")["invoice"], "in_1");
  const Json payment = {{"object", "invoice_payment"},
                        {"id", "inpay_1"},
                        {"invoice", "in_1"},
                        {"amount_paid", 900},
                        {"currency", "usd"},
                        {"status", "paid"},
                        {"created", kNoon},
                        {"payment", {{"type", "payment_record"}, {"payment_record", "prec_1"}}}};
  EXPECT_EQ(EntriesOf({At(1, "invoice_payment.paid", payment)}),
            (Lines{"payment:inpay_1 external/payments 900 usd"}));
  EXPECT_EQ(
      EntriesOf({At(1, "invoice_payment.paid",
                    With(payment, {{"payment", {{"type", "payment_intent"}, {"payment_intent", "pi_1"}}}}))}),
      Lines{});
}

TEST(PaymentLedger, BooksOnceWhatBothShapesSayWasPaidOutOfBand) {
  const Json invoice = {
      {"object", "invoice"},      {"id", "in_1"},       {"status", "paid"}, {"currency", "usd"},
      {"paid_out_of_band", true}, {"amount_paid", 900}, {"created", kNoon}};
  const Json payment = {{"object", "invoice_payment"},
                        {"id", "inpay_1"},
                        {"invoice", "in_1"},
                        {"amount_paid", 700},
                        {"currency", "usd"},
                        {"status", "paid"},
                        {"payment", {{"type", "payment_record"}, {"payment_record", "prec_1"}}}};
  EXPECT_EQ(EntriesOf({At(1, "invoice.paid", invoice), At(2, "invoice_payment.paid", payment)}),
            (Lines{"payment:in_1 external/payments 200 usd", "payment:inpay_1 external/payments 700 usd"}));
}

TEST(PaymentLedger, KeepsAccountsAndLivemodesApart) {
  const auto charge = [](int number, std::int64_t amount, const std::string& account, bool livemode) {
    StripeEvent event = At(number, "charge.succeeded", Charge("ch_1", amount));
    event.account = account;
    event.livemode = livemode;
    return event;
  };
  StripeEvent refund = At(5, "refund.created", Refund("re_1", 30, "ch_1"));
  refund.account = "acct_2";
  const MemoryReadModel ledger = Ledger({charge(1, 100, "", true), charge(2, 200, "acct_1", true),
                                         charge(3, 300, "acct_2", true), charge(4, 400, "", false), refund});
  Lines rows;
  for (const Json& row : ledger.Rows(ledger::kEntriesTable)) {
    const Json& body = row["body"];
    EXPECT_EQ(row["account"], body["account"].is_null() ? Json("") : body["account"]);
    EXPECT_EQ(row["livemode"], body["livemode"] ? 1 : 0);
    rows.push_back(row["id"].get<std::string>() + " " + row["amount"].dump() + " " + body["account"].dump() +
                   " " + body["livemode"].dump());
  }
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, (Lines{"payment:ch_1 100 null true", "payment:ch_1 200 \"acct_1\" true",
                         "payment:ch_1 300 \"acct_2\" true", "payment:ch_1 400 null false",
                         "refund:re_1 30 \"acct_2\" true"}));
}

TEST(PaymentLedger, KeepsTenantsApart) {
  const StripeEvent charge = At(1, "charge.succeeded", Charge("ch_1", 1000));
  const StripeEvent refund = At(2, "refund.created", Refund("re_1", 300, "ch_1"));
  for (std::size_t batch_size : {1u, 2u}) {
    const MemoryReadModel ledger =
        test::Project(kLedger, {Recorded(charge, 1, "one"), Recorded(refund, 2, "two")}, batch_size);
    EXPECT_EQ(EntryOf(ledger, "payment:ch_1")["amount"], 1000);
    EXPECT_EQ(EntryOf(ledger, "refund:re_1")["amount"], 300);
    for (const Json& row : ledger.Rows(ledger::kEntriesTable))
      EXPECT_EQ(row["tenant"], row["type"] == "payment" ? "one" : "two");
  }
}

TEST(PaymentLedger, CountsTwoEventsAboutOneStateOnce) {
  StripeEvent twin = At(1, "charge.succeeded", Charge("ch_1", 1000));
  twin.id = "evt_2";
  const MemoryReadModel ledger = Ledger({At(1, "charge.succeeded", Charge("ch_1", 1000)), twin});
  EXPECT_EQ(Entries(ledger), (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}));
  EXPECT_EQ(EntryOf(ledger, "payment:ch_1")["updated_by"], "evt_2");
}

TEST(PaymentLedger, TakesAnUnusableEventForAbsentAndSetsItAside) {
  const StripeEvent good = At(1, "charge.succeeded", Charge("ch_1", 1000));
  const StripeEvent bad = At(2, "charge.refunded", With(Charge("ch_1", 1000), {{"amount_refunded", "1000"}}));
  StripeEvent broken = At(3, "charge.refunded", nullptr);
  broken.payload = R"({"data":{"object":{"object":"charge","id":"ch_1","amount":1,"amount":2}}})";
  const StripeEvent misnamed = At(4, "payout.paid", Charge("ch_1", 1000));
  const MemoryReadModel ledger = Ledger({good, bad, broken, misnamed});
  EXPECT_EQ(Entries(ledger), (Lines{"payment:ch_1 stripe_balance/payments 1000 usd"}));
  EXPECT_EQ(ledger.dead_letters(),
            (std::map<std::string, std::string>{
                {"evt_2", "charge.amount_refunded must be an integer in minor units"},
                {"evt_3", "the payload cannot be read: a key stands twice in one object"},
                {"evt_4", "event.data.object must be a payout"},
            }));
}

TEST(PaymentLedger, BooksAmountsToTheEdgesOf64BitsAndNeverWraps) {
  EXPECT_EQ(EntriesOf({At(1, "charge.refunded", Refunded(kMax, kMax))}),
            (Lines{"payment:ch_1 stripe_balance/payments 9223372036854775807 usd",
                   "refund:ch_1 refunds/stripe_balance 9223372036854775807 usd"}));
  EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", OfIntent(Charge("ch_1", kMax))),
                       At(2, "charge.succeeded", OfIntent(Charge("ch_2", 1))),
                       At(3, "charge.succeeded", Charge("ch_3", 5))}),
            (Lines{"payment:ch_3 stripe_balance/payments 5 usd"}))
      << "the sum is refused for that row alone";
  EXPECT_EQ(EntriesOf({At(1, "refund.created", Refund("re_1", kMax, "ch_1")),
                       At(2, "refund.created", Refund("re_2", kMax, "ch_1")),
                       At(3, "charge.refunded", Refunded(kMax, kMax))}),
            (Lines{"payment:ch_1 stripe_balance/payments 9223372036854775807 usd",
                   "refund:re_1 refunds/stripe_balance 9223372036854775807 usd",
                   "refund:re_2 refunds/stripe_balance 9223372036854775807 usd"}));
  const auto dispute = [](std::int64_t amount) {
    return At(1, "charge.dispute.created",
              Listing(Dispute("dp_1", 1, "ch_1", "lost"), {BalanceTransaction("txn_1", amount, 0), "txn_0"}));
  };
  EXPECT_EQ(EntriesOf({dispute(-kMax)}),
            (Lines{"dispute:dp_1 disputes/stripe_balance 9223372036854775807 usd"}));
  EXPECT_EQ(EntriesOf({dispute(kMax)}),
            (Lines{"dispute:dp_1 disputes/stripe_balance -9223372036854775807 usd"}));
  EXPECT_EQ(EntriesOf({dispute(kMin)}), Lines{}) << "its counter-posting has no room in 64 bits";
}

TEST(PaymentLedger, TakesAmountsInTheMinorUnitOfEveryCurrencyAsTheyAre) {
  for (const char* currency : {"jpy", "kwd", "usd"}) {
    EXPECT_EQ(EntriesOf({At(1, "charge.succeeded", With(Charge("ch_1", 5120), {{"currency", currency}}))}),
              (Lines{std::string("payment:ch_1 stripe_balance/payments 5120 ") + currency}));
  }
}

TEST(PaymentLedger, BelievesStripeAlone) {
  for (Source source : {Source::kApi, Source::kCommand, Source::kSaga}) {
    RecordedEvent posted = Recorded(At(1, "charge.succeeded", Charge("ch_1", 1000)));
    posted.event.source = source;
    const MemoryReadModel ledger = test::Project(kLedger, {posted}, 1);
    EXPECT_EQ(Entries(ledger), Lines{}) << NameOf(source);
    EXPECT_TRUE(ledger.dead_letters().empty());
  }
  const MemoryReadModel ledger =
      Ledger({At(1, "MoneyDeposited", {{"object", "prepaid_account"}, {"amount", 5}}),
              At(2, "customer.created", {{"object", "customer"}})});
  EXPECT_EQ(ledger.Fingerprint(), "");
}

}  // namespace
}  // namespace billhook
