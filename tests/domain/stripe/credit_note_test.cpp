#include "domain/stripe/credit_note.h"

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::With;
using test::Without;

const Json kNote = {
    {"object", "credit_note"},
    {"id", "cn_1"},
    {"number", "A-1-CN-01"},
    {"invoice", "in_1"},
    {"customer", {{"id", "cus_1"}}},
    {"status", "issued"},
    {"reason", "duplicate"},
    {"currency", "EUR"},
    {"amount", 1000},
    {"total", 900},
    {"out_of_band_amount", 100},
    {"created", 5},
    {"refunds",
     {{{"type", "refund"}, {"refund", "re_1"}, {"amount_refunded", 500}},
      {{"type", "payment_record_refund"}, {"payment_record_refund", {{"payment_record", "pr_1"}}}},
      {{"type", "refund"}, {"refund", {{"id", "re_2"}}}}}}};

TEST(CreditNote, IsDecodedFromTheNewestShape) {
  const Result<CreditNote, std::string> note = DecodeCreditNote(kNote);
  ASSERT_TRUE(note.has_value()) << note.error();
  EXPECT_EQ(note->id, "cn_1");
  EXPECT_EQ(note->number, "A-1-CN-01");
  EXPECT_EQ(note->invoice, "in_1");
  EXPECT_EQ(note->customer, "cus_1");
  EXPECT_EQ(note->status, "issued");
  EXPECT_EQ(note->reason, "duplicate");
  EXPECT_EQ(note->currency, "eur");
  EXPECT_EQ(note->amount, 1000);
  EXPECT_EQ(note->total, 900);
  EXPECT_EQ(note->out_of_band_amount, 100);
  EXPECT_EQ(note->created_s, 5);
  EXPECT_EQ(note->refunds, (std::vector<std::string>{"re_1", "re_2"}));
}

TEST(CreditNote, HadOneRefundOnceAndMayHaveNone) {
  const Json old = With(Without(kNote, "refunds"), {{"refund", {{"id", "re_9"}}}});
  EXPECT_EQ(DecodeCreditNote(old)->refunds, std::vector<std::string>{"re_9"});
  EXPECT_TRUE(DecodeCreditNote(Without(kNote, "refunds"))->refunds.empty());
  EXPECT_TRUE(DecodeCreditNote(With(old, {{"refund", nullptr}}))->refunds.empty());
}

TEST(CreditNote, TakesItsAmountForATotalThatIsNotTold) {
  EXPECT_EQ(DecodeCreditNote(Without(kNote, "total"))->total, 1000);
}

TEST(CreditNote, IsRefusedWithMembersOfTheWrongType) {
  for (const Json& change :
       {Json{{"id", nullptr}}, Json{{"number", 1}}, Json{{"invoice", 7}}, Json{{"customer", {{"x", 1}}}},
        Json{{"status", nullptr}}, Json{{"status", 7}}, Json{{"reason", 7}}, Json{{"currency", nullptr}},
        Json{{"amount", nullptr}}, Json{{"amount", -1}}, Json{{"amount", "1"}}, Json{{"amount", 1.0}},
        Json{{"total", -1}}, Json{{"out_of_band_amount", "1"}}, Json{{"created", "x"}},
        Json{{"refunds", "re_1"}}, Json{{"refunds", {"re_1"}}}, Json{{"refunds", {{{"refund", 7}}}}},
        Json{{"refunds", nullptr}, {"refund", 7}}}) {
    const Result<CreditNote, std::string> decoded = DecodeCreditNote(With(kNote, change));
    ASSERT_FALSE(decoded.has_value()) << change;
    EXPECT_TRUE(decoded.error().starts_with("credit_note.")) << decoded.error();
  }
  for (const Json& object : {Json(nullptr), Json::array(), Json("cn_1"), Json::object()})
    EXPECT_FALSE(DecodeCreditNote(object).has_value()) << object;
}

}  // namespace
}  // namespace billhook::stripe
