#include "projections/customer_timeline.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::Charge;
using test::Customer;
using test::Dispute;
using test::Invoice;
using test::kNoon;
using test::MemoryReadModel;
using test::PaymentIntent;
using test::Refund;
using test::StripeEvent;
using test::Subscription;
using test::With;

const CustomerTimeline kTimeline;

MemoryReadModel After(const std::vector<StripeEvent>& events) {
  return test::ProjectInEveryOrder(kTimeline, events);
}

// The customers' events as "customer: event event ..." in order of customer and event.
using Lines = std::map<std::string, std::string>;
Lines TimelinesOf(const MemoryReadModel& read_model) {
  Lines lines;
  for (const Json& row : read_model.Rows(CustomerTimeline::kTable)) {
    lines[row.value("customer", "nobody")] += row["event_id"].get<std::string>() + " ";
  }
  return lines;
}

Lines TimelinesAfter(const std::vector<StripeEvent>& events) {
  return TimelinesOf(After(events));
}

// An event about the object, named by a number; a second a number, so that a greater one is newer.
StripeEvent At(int number, const std::string& type, const Json& object) {
  return {.id = "evt_" + std::to_string(number), .type = type, .object = object, .created_s = kNoon + number};
}

Json Of(const std::string& customer, const Json& object) {
  return With(object, {{"customer", customer}});
}

TEST(CustomerTimeline, ShowsWhatAnEventIsAbout) {
  StripeEvent refunded =
      At(7, "charge.refunded", Of("cus_1", With(Charge("ch_1", 1500), {{"currency", "USD"}})));
  refunded.account = "acct_1";
  refunded.livemode = false;
  const Json row = After({refunded}).Rows(CustomerTimeline::kTable).at(0);
  EXPECT_EQ(row["body"], (Json{{"event_id", "evt_7"},
                               {"event_type", "charge.refunded"},
                               {"object", "charge"},
                               {"object_id", "ch_1"},
                               {"amount", 1500},
                               {"currency", "usd"},
                               {"status", "succeeded"},
                               {"livemode", false},
                               {"account", "acct_1"},
                               {"occurred_at", "2026-01-01T12:00:07Z"}}));
  EXPECT_EQ(row["customer"], "cus_1");
  EXPECT_EQ(row["occurred_at"], (kNoon + 7) * kMicrosPerSecond);
  EXPECT_EQ(row["livemode"], 0);
  EXPECT_EQ(row["account"], "acct_1");
}

TEST(CustomerTimeline, HoldsEventsAboutTheCustomerAndObjectsThatNameIt) {
  const Json discount = {{"object", "discount"}, {"customer", "cus_1"}};
  const Json upcoming = test::Without(Invoice("in_1", "draft"), "id");
  const MemoryReadModel read_model =
      After({At(1, "customer.created", Customer("cus_1")),
             At(2, "customer.subscription.updated", Subscription("sub_1", "active")),
             At(3, "customer.discount.created", discount), At(4, "invoice.upcoming", upcoming),
             At(5, "checkout.session.completed",
                {{"object", "checkout.session"},
                 {"id", "cs_1"},
                 {"customer", {{"id", "cus_1"}}},
                 {"amount_total", 5}})});
  EXPECT_EQ(TimelinesOf(read_model), (Lines{{"cus_1", "evt_1 evt_2 evt_3 evt_4 evt_5 "}}));
  const std::vector<Json> rows = read_model.Rows(CustomerTimeline::kTable);
  EXPECT_EQ(rows[0]["body"]["amount"], nullptr);
  EXPECT_EQ(rows[2]["body"]["object_id"], nullptr) << "old discounts have no ID";
  EXPECT_EQ(rows[3]["body"]["amount"], 2000) << "what the customer owes";
  EXPECT_EQ(rows[4]["body"]["amount"], 5);
}

TEST(CustomerTimeline, LinksRefundsAndDisputesThroughTheirChargeWhicheverComesFirst) {
  EXPECT_EQ(TimelinesAfter({At(1, "charge.succeeded", Of("cus_1", Charge("ch_1", 100))),
                            At(2, "refund.created", Refund("re_1", 100, "ch_1")),
                            At(3, "charge.dispute.created", Dispute("dp_1", 100, "ch_1", "lost")),
                            At(4, "refund.created", Refund("re_2", 100, "ch_2"))}),
            (Lines{{"cus_1", "evt_1 evt_2 evt_3 "}, {"nobody", "evt_4 "}}));
}

TEST(CustomerTimeline, LinksThroughThePaymentIntentWhereNoChargeIsKnown) {
  const Json refund = With(Refund("re_1", 100, "ch_1"), {{"payment_intent", "pi_1"}});
  EXPECT_EQ(TimelinesAfter({At(1, "payment_intent.succeeded", Of("cus_1", PaymentIntent("pi_1", 100))),
                            At(2, "refund.created", refund)}),
            (Lines{{"cus_1", "evt_1 evt_2 "}}));
  EXPECT_EQ(TimelinesAfter({At(1, "charge.succeeded",
                               Of("cus_1", With(Charge("ch_2", 1), {{"payment_intent", "pi_1"}}))),
                            At(2, "refund.created", refund)}),
            (Lines{{"cus_1", "evt_1 evt_2 "}}))
      << "another charge of the intent names the customer";
  EXPECT_EQ(TimelinesAfter({At(1, "payment_intent.succeeded",
                               Of("cus_1", With(PaymentIntent("pi_1", 100), {{"latest_charge", "ch_1"}}))),
                            At(2, "refund.created", Refund("re_1", 100, "ch_1"))}),
            (Lines{{"cus_1", "evt_1 evt_2 "}}));
}

TEST(CustomerTimeline, LinksThroughAChargeWhoseIntentAloneNamesTheCustomer) {
  EXPECT_EQ(
      TimelinesAfter({At(1, "payment_intent.succeeded", Of("cus_1", PaymentIntent("pi_1", 100))),
                      At(2, "charge.succeeded", With(Charge("ch_1", 100), {{"payment_intent", "pi_1"}})),
                      At(3, "refund.created", Refund("re_1", 100, "ch_1")),
                      At(4, "charge.dispute.created", Dispute("dp_1", 100, "ch_1", "lost"))}),
      (Lines{{"cus_1", "evt_1 evt_2 evt_3 evt_4 "}}));
}

TEST(CustomerTimeline, LinksARefundAsFarAsTheInvoiceThatThePaymentPaid) {
  const Json payment = {{"object", "invoice_payment"},
                        {"id", "inpay_1"},
                        {"invoice", "in_1"},
                        {"payment", {{"type", "payment_intent"}, {"payment_intent", "pi_1"}}}};
  EXPECT_EQ(
      TimelinesAfter({At(1, "invoice.paid", Invoice("in_1", "paid")), At(2, "invoice_payment.paid", payment),
                      At(3, "charge.succeeded", With(Charge("ch_1", 100), {{"payment_intent", "pi_1"}})),
                      At(4, "refund.created", Refund("re_1", 100, "ch_1")),
                      At(5, "payment_intent.succeeded", PaymentIntent("pi_1", 100))}),
      (Lines{{"cus_1", "evt_1 evt_2 evt_3 evt_4 evt_5 "}}));
}

TEST(CustomerTimeline, PrefersANearCustomerToAFarOneHoweverNew) {
  EXPECT_EQ(TimelinesAfter({At(9, "payment_intent.succeeded", Of("cus_2", PaymentIntent("pi_1", 100))),
                            At(1, "charge.pending", With(Charge("ch_1", 100), {{"payment_intent", "pi_1"}})),
                            At(2, "charge.succeeded", Of("cus_1", Charge("ch_1", 100))),
                            At(3, "refund.created", Refund("re_1", 100, "ch_1"))}),
            (Lines{{"cus_1", "evt_1 evt_2 evt_3 "}, {"cus_2", "evt_9 "}}));
}

TEST(CustomerTimeline, LinksAChargeThroughAnOldIntentThatListsItsCharges) {
  const Json intent = With(test::Without(PaymentIntent("pi_1", 100), "latest_charge"),
                           {{"charges", {{"object", "list"}, {"data", {{{"id", "ch_1"}}}}}}});
  EXPECT_EQ(TimelinesAfter({At(1, "payment_intent.succeeded", Of("cus_1", intent)),
                            At(2, "charge.succeeded", Charge("ch_1", 100))}),
            (Lines{{"cus_1", "evt_1 evt_2 "}}));
}

TEST(CustomerTimeline, HoldsAPaymentMethodThatWasTakenFromTheCustomer) {
  StripeEvent detached =
      At(1, "payment_method.detached", {{"object", "payment_method"}, {"id", "pm_1"}, {"customer", nullptr}});
  detached.previous_attributes = {{"customer", "cus_1"}};
  EXPECT_EQ(TimelinesAfter({detached}), (Lines{{"cus_1", "evt_1 "}}));
  detached.previous_attributes = {{"customer", 7}};
  EXPECT_EQ(After({detached}).dead_letters().at("evt_1"),
            "event.data.object.customer must be usable: previous_attributes.customer must be an ID or an "
            "object with one");
}

TEST(CustomerTimeline, PrefersTheChargesCustomerToTheIntents) {
  const Json refund = With(Refund("re_1", 100, "ch_1"), {{"payment_intent", "pi_1"}});
  EXPECT_EQ(TimelinesAfter({At(9, "payment_intent.succeeded", Of("cus_2", PaymentIntent("pi_1", 100))),
                            At(1, "charge.succeeded", Of("cus_1", Charge("ch_1", 100))),
                            At(2, "refund.created", refund)}),
            (Lines{{"cus_1", "evt_1 evt_2 "}, {"cus_2", "evt_9 "}}));
}

TEST(CustomerTimeline, LinksEventsOfAChargeWhoseOtherEventsNameTheCustomer) {
  EXPECT_EQ(TimelinesAfter({At(1, "charge.pending", Charge("ch_1", 100)),
                            At(2, "charge.succeeded", Of("cus_1", Charge("ch_1", 100))),
                            At(3, "payment_intent.created", PaymentIntent("pi_1", 0)),
                            At(4, "payment_intent.succeeded", Of("cus_1", PaymentIntent("pi_1", 100)))}),
            (Lines{{"cus_1", "evt_1 evt_2 evt_3 evt_4 "}}));
}

TEST(CustomerTimeline, BelievesTheNewestOfTheEventsThatNameDifferentCustomers) {
  const auto at_once = [](const std::string& id, const std::string& type, const std::string& customer) {
    return StripeEvent{.id = id, .type = type, .object = Of(customer, Charge("ch_1", 100))};
  };
  const StripeEvent refund = At(1, "refund.created", Refund("re_1", 100, "ch_1"));
  EXPECT_EQ(TimelinesAfter({refund, At(2, "charge.succeeded", Of("cus_1", Charge("ch_1", 100))),
                            At(3, "charge.updated", Of("cus_2", Charge("ch_1", 100)))}),
            (Lines{{"cus_1", "evt_2 "}, {"cus_2", "evt_1 evt_3 "}}));
  EXPECT_EQ(TimelinesAfter({refund, at_once("evt_x", "charge.updated", "cus_1"),
                            at_once("evt_y", "charge.updated", "cus_2"),
                            at_once("evt_z", "charge.created", "cus_3")}),
            (Lines{{"cus_1", "evt_x "}, {"cus_2", "evt_1 evt_y "}, {"cus_3", "evt_z "}}));
}

TEST(CustomerTimeline, LinksInvoicePaymentsThroughTheirInvoice) {
  const Json payment = {{"object", "invoice_payment"},
                        {"id", "inpay_1"},
                        {"invoice", "in_1"},
                        {"amount_paid", 2000},
                        {"amount_requested", 1},
                        {"currency", "usd"},
                        {"status", "paid"},
                        {"payment", {{"type", "payment_record"}}}};
  const MemoryReadModel read_model =
      After({At(1, "invoice_payment.paid", payment), At(2, "invoice.paid", Invoice("in_1", "paid"))});
  EXPECT_EQ(TimelinesOf(read_model), (Lines{{"cus_1", "evt_1 evt_2 "}}));
  EXPECT_EQ(read_model.Rows(CustomerTimeline::kTable)[0]["body"]["amount"], 2000);
}

TEST(CustomerTimeline, NeverLinksBeyondOneAccountOrLivemode) {
  StripeEvent connected = At(1, "charge.succeeded", Of("cus_1", Charge("ch_1", 100)));
  connected.account = "acct_1";
  StripeEvent test_mode = At(2, "charge.succeeded", Of("cus_1", Charge("ch_1", 100)));
  test_mode.livemode = false;
  EXPECT_EQ(TimelinesAfter({connected, test_mode, At(3, "refund.created", Refund("re_1", 100, "ch_1"))}),
            (Lines{{"cus_1", "evt_1 evt_2 "}, {"nobody", "evt_3 "}}));
}

TEST(CustomerTimeline, IgnoresWhatConcernsNoCustomer) {
  EXPECT_EQ(After({At(1, "payment_method.detached",
                      {{"object", "payment_method"}, {"id", "pm_1"}, {"customer", nullptr}}),
                   At(2, "payout.paid", test::Payout("po_1", 100, "paid")),
                   At(3, "v1.customer.created", Customer("cus_1")),
                   At(4, "billing.alert.triggered", {{"object", "billing.alert_triggered"}})})
                .Fingerprint(),
            "");
}

TEST(CustomerTimeline, SetsAsideEventsOfItsFamiliesWhoseObjectItCannotUse) {
  StripeEvent repeated = At(3, "invoice.paid", nullptr);
  repeated.payload = R"({"data":{"object":{"object":"invoice","id":"in_1","id":"in_2"}}})";
  const MemoryReadModel read_model =
      After({At(1, "charge.succeeded", nullptr),
             At(2, "charge.succeeded", With(Charge("ch_1", 1), {{"customer", 7}})), repeated,
             At(4, "payout.paid", nullptr), At(5, "customer.updated", {{"object", "customer"}})});
  EXPECT_TRUE(read_model.Rows(CustomerTimeline::kTable).empty());
  EXPECT_EQ(read_model.dead_letters(),
            (std::map<std::string, std::string>{
                {"evt_1", "event.data.object must be an object"},
                {"evt_2", "event.data.object.customer must be an ID or an object with one"},
                {"evt_3", "the payload cannot be read: a key stands twice in one object"},
                {"evt_5", "event.data.object.id must be a string"}}));
}

TEST(CustomerTimeline, ShowsAnAmountOnlyWhereItIsOne) {
  std::vector<Json> amounts;
  for (const Json& amount : {Json(12.5), Json("100"), Json(nullptr), Json(-3)}) {
    const StripeEvent event =
        At(1, "charge.succeeded", Of("cus_1", With(Charge("ch_1", 1), {{"amount", amount}})));
    amounts.push_back(After({event}).Rows(CustomerTimeline::kTable).at(0)["body"]["amount"]);
  }
  EXPECT_EQ(amounts, (std::vector<Json>{nullptr, nullptr, nullptr, -3}));
}

TEST(CustomerTimeline, IsNotDisturbedByMembersThatItDoesNotRead) {
  StripeEvent event = At(1, "charge.succeeded", nullptr);
  event.payload =
      R"({"data":{"object":{"object":"charge","id":"ch_1","customer":"cus_1","metadata":{"a":1e999,"a":"\u0000"}},)"
      R"("previous_attributes":[7]}})";
  EXPECT_EQ(TimelinesAfter({event}), (Lines{{"cus_1", "evt_1 "}}));
}

TEST(CustomerTimeline, BelievesStripeAlone) {
  RecordedEvent posted = Recorded(At(1, "customer.created", Customer("cus_1")));
  posted.event.source = Source::kApi;
  EXPECT_EQ(test::Project(kTimeline, {posted}, 1).Fingerprint(), "");
}

}  // namespace
}  // namespace billhook
