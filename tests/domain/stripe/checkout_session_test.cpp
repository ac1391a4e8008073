#include "domain/stripe/checkout_session.h"

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::With;

const Json kSession = {{"object", "checkout.session"}, {"id", "cs_1"},
                       {"customer", "cus_1"},          {"mode", "subscription"},
                       {"status", "complete"},         {"payment_status", "paid"},
                       {"payment_intent", "pi_1"},     {"setup_intent", "seti_1"},
                       {"subscription", "sub_1"},      {"invoice", {{"id", "in_1"}}},
                       {"amount_total", 2500},         {"currency", "USD"},
                       {"client_reference_id", "o-7"}, {"created", 5}};

TEST(CheckoutSession, IsDecodedFromTheNewestShape) {
  const Result<CheckoutSession, std::string> session = DecodeCheckoutSession(kSession);
  ASSERT_TRUE(session.has_value()) << session.error();
  EXPECT_EQ(session->id, "cs_1");
  EXPECT_EQ(session->customer, "cus_1");
  EXPECT_EQ(session->mode, "subscription");
  EXPECT_EQ(session->status, "complete");
  EXPECT_EQ(session->payment_status, "paid");
  EXPECT_EQ(session->payment_intent, "pi_1");
  EXPECT_EQ(session->setup_intent, "seti_1");
  EXPECT_EQ(session->subscription, "sub_1");
  EXPECT_EQ(session->invoice, "in_1");
  EXPECT_EQ(session->amount_total, 2500);
  EXPECT_EQ(session->currency, "usd");
  EXPECT_EQ(session->client_reference_id, "o-7");
  EXPECT_EQ(session->created_s, 5);
}

TEST(CheckoutSession, MakesUpNothingThatTheOldestDidNotTell) {
  const Result<CheckoutSession, std::string> session =
      DecodeCheckoutSession({{"id", "cs_1"}, {"payment_intent", "pi_1"}});
  ASSERT_TRUE(session.has_value()) << session.error();
  EXPECT_EQ(session->payment_intent, "pi_1");
  EXPECT_FALSE(session->mode || session->status || session->payment_status || session->amount_total ||
               session->currency || session->created_s);
}

TEST(CheckoutSession, IsRefusedWithMembersOfTheWrongType) {
  for (const Json& change :
       {Json{{"id", nullptr}}, Json{{"id", ""}}, Json{{"customer", 7}}, Json{{"mode", 7}},
        Json{{"status", 7}}, Json{{"payment_status", true}}, Json{{"payment_intent", {{"object", "x"}}}},
        Json{{"setup_intent", 7}}, Json{{"subscription", 7}}, Json{{"invoice", ""}},
        Json{{"amount_total", -1}}, Json{{"amount_total", "1"}}, Json{{"amount_total", 1.0}},
        Json{{"currency", 7}}, Json{{"client_reference_id", 7}}, Json{{"created", "x"}}}) {
    const Result<CheckoutSession, std::string> decoded = DecodeCheckoutSession(With(kSession, change));
    ASSERT_FALSE(decoded.has_value()) << change;
    EXPECT_TRUE(decoded.error().starts_with("checkout.session.")) << decoded.error();
  }
  for (const Json& object : {Json(nullptr), Json::array(), Json("cs_1"), Json::object()})
    EXPECT_FALSE(DecodeCheckoutSession(object).has_value()) << object;
}

}  // namespace
}  // namespace billhook::stripe
