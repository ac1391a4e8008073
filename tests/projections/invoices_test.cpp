#include "projections/invoices.h"

#include <gtest/gtest.h>

#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::Invoice;
using test::kNoon;
using test::MemoryReadModel;
using test::StripeEvent;
using test::With;

const Invoices kInvoices;

MemoryReadModel After(const std::vector<StripeEvent>& events) {
  return test::ProjectInEveryOrder(kInvoices, events);
}

// The one row that the events make.
Json RowAfter(const std::vector<StripeEvent>& events) {
  const std::vector<Json> rows = After(events).Rows(Invoices::kTable);
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Json() : rows.front();
}

StripeEvent At(int second, const std::string& id, const std::string& type, const Json& object,
               const Json& previous = nullptr) {
  return {.id = id,
          .type = "invoice." + type,
          .object = object,
          .created_s = kNoon + second,
          .previous_attributes = previous};
}

TEST(Invoices, ShowEverythingThatCallersMayAskFor) {
  const Json payment = {{"payment", {{"type", "payment_intent"}, {"payment_intent", "pi_1"}}}};
  const Json paid =
      With(Invoice("in_1", "paid"), {{"parent", {{"subscription_details", {{"subscription", "sub_1"}}}}},
                                     {"next_payment_attempt", kNoon + 60},
                                     {"due_date", kNoon + 120},
                                     {"status_transitions", {{"paid_at", kNoon + 30}}},
                                     {"payments", {{"data", Json::array({payment})}}}});
  const Json row = RowAfter({At(5, "evt_1", "paid", paid)});
  EXPECT_EQ(row["body"], (Json{{"id", "in_1"},
                               {"number", "A-1"},
                               {"status", "paid"},
                               {"customer", "cus_1"},
                               {"subscription", "sub_1"},
                               {"livemode", true},
                               {"account", nullptr},
                               {"currency", "usd"},
                               {"amount_due", 2000},
                               {"amount_paid", 2000},
                               {"amount_remaining", 0},
                               {"subtotal", 2000},
                               {"total", 2000},
                               {"attempt_count", 1},
                               {"next_payment_attempt", "2026-01-01T12:01:00Z"},
                               {"due_date", "2026-01-01T12:02:00Z"},
                               {"paid_at", "2026-01-01T12:00:30Z"},
                               {"created_at", "2026-01-01T12:00:00Z"},
                               {"period_start", "2026-01-01T12:00:00Z"},
                               {"period_end", "2026-01-01T12:00:00Z"},
                               {"billing_reason", "subscription_cycle"},
                               {"collection_method", "charge_automatically"},
                               {"paid_out_of_band", false},
                               {"payment_intent", "pi_1"},
                               {"charge", nullptr},
                               {"deleted", false},
                               {"updated_by", "evt_1"},
                               {"updated_at", "2026-01-01T12:00:05Z"}}));
  EXPECT_EQ(row["customer"], "cus_1");
  EXPECT_EQ(row["subscription"], "sub_1");
  EXPECT_EQ(row["status"], "paid");
}

TEST(Invoices, OfBothApiShapesAreTheSame) {
  const Json basil =
      With(Invoice("in_1", "open"), {{"parent", {{"subscription_details", {{"subscription", "sub_1"}}}}}});
  const Json older = With(Invoice("in_1", "open"), {{"subscription", "sub_1"}, {"paid_out_of_band", false}});
  EXPECT_EQ(RowAfter({At(0, "evt_1", "updated", basil)}), RowAfter({At(0, "evt_1", "updated", older)}));
}

TEST(Invoices, ThatPayAndChangeInOneSecondEndAsTheTailOfTheirChain) {
  const Json open = Invoice("in_1", "open");
  const Json paid = Invoice("in_1", "paid");
  const Json row = RowAfter(
      {At(0, "evt_9", "created", Invoice("in_1", "draft")), At(0, "evt_8", "finalized", open),
       At(0, "evt_7", "updated", paid, {{"status", "open"}, {"amount_paid", 0}, {"amount_remaining", 2000}}),
       At(0, "evt_1", "payment_succeeded", With(paid, {{"number", "A-2"}}), {{"number", "A-1"}})});
  EXPECT_EQ(row["status"], "paid");
  EXPECT_EQ(row["body"]["number"], "A-2");
  EXPECT_EQ(row["body"]["updated_by"], "evt_1");
  const Json without_chain = RowAfter({At(0, "evt_3", "updated", open), At(0, "evt_2", "paid", paid),
                                       At(0, "evt_1", "payment_succeeded", paid)});
  EXPECT_EQ(without_chain["status"], "paid") << "the highest status of those that tie";
  EXPECT_EQ(without_chain["body"]["updated_by"], "evt_2");
}

TEST(Invoices, StayDeletedWhateverComesLater) {
  const Json row = RowAfter({At(1, "evt_1", "deleted", Invoice("in_1", "draft")),
                             At(2, "evt_2", "updated", With(Invoice("in_1", "draft"), {{"number", "A-9"}})),
                             At(0, "evt_3", "created", Invoice("in_1", "draft"))});
  EXPECT_EQ(row["deleted"], 1);
  EXPECT_EQ(row["body"]["deleted"], true);
  EXPECT_EQ(row["body"]["number"], "A-9") << "all else is the newest fact";
}

TEST(Invoices, AreNotToldOfByWhatIsUpcomingNorByItemsAndPayments) {
  const MemoryReadModel read_model =
      After({At(0, "evt_1", "upcoming", Invoice("in_1", "draft")),
             {.id = "evt_2", .type = "invoiceitem.created", .object = Invoice("in_1", "draft")},
             {.id = "evt_3", .type = "invoice_payment.paid", .object = Invoice("in_1", "draft")}});
  EXPECT_EQ(read_model.Fingerprint(), "");
}

TEST(Invoices, OfOneIdInTwoAccountsOrLivemodesAreTwo) {
  StripeEvent connected = At(0, "evt_2", "created", Invoice("in_1", "open"));
  connected.account = "acct_1";
  StripeEvent test_mode = At(0, "evt_3", "deleted", Invoice("in_1", "draft"));
  test_mode.livemode = false;
  EXPECT_EQ(After({At(0, "evt_1", "created", Invoice("in_1", "paid")), connected, test_mode})
                .Rows(Invoices::kTable)
                .size(),
            3u);
}

TEST(Invoices, WithoutAnIdAreSetAside) {
  const MemoryReadModel read_model =
      After({At(0, "evt_1", "paid", test::Without(Invoice("in_1", "paid"), "id")),
             At(1, "evt_2", "paid", {{"object", "charge"}, {"id", "in_1"}})});
  EXPECT_TRUE(read_model.Rows(Invoices::kTable).empty());
  EXPECT_EQ(read_model.dead_letters().size(), 2u);
}

}  // namespace
}  // namespace billhook
