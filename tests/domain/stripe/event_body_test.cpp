#include "domain/stripe/event_body.h"

#include <gtest/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::kNoon;
using test::Recorded;
using test::StripeEvent;

Result<EventBody, std::string> ReadPayload(const std::string& payload) {
  return ReadEventBody(Recorded(StripeEvent{.id = "evt_1", .type = "charge.updated", .payload = payload}),
                       "charge");
}

TEST(EventBody, HoldsWhatProjectionsAskOfAnEvent) {
  const StripeEvent event = {.id = "evt_1",
                             .type = "charge.updated",
                             .object = test::Charge("ch_1", 1000),
                             .previous_attributes = {{"amount", 900}},
                             .livemode = true,
                             .account = "acct_1"};
  const Result<EventBody, std::string> body = ReadEventBody(Recorded(event, 7, "shop"), "charge");
  ASSERT_TRUE(body.has_value()) << body.error();
  EXPECT_EQ(body->id, "evt_1");
  EXPECT_EQ(body->type, "charge.updated");
  EXPECT_EQ(body->tenant, "shop");
  EXPECT_EQ(body->position, 7);
  EXPECT_EQ(body->moment, (Moment{kNoon, Phase::kChanged}));
  EXPECT_TRUE(body->livemode);
  EXPECT_EQ(body->account, "acct_1");
  EXPECT_EQ(body->object, event.object);
  EXPECT_EQ(body->previous_attributes, event.previous_attributes);
}

TEST(EventBody, HoldsOfAnyObjectNoMoreThanIsWanted) {
  const StripeEvent event = {.id = "evt_1",
                             .type = "charge.updated",
                             .object = test::Charge("ch_1", 1000),
                             .previous_attributes = {{"amount", 900}},
                             .account = "acct_1"};
  const Result<EventBody, std::string> body =
      ReadEventBody(Recorded(event), [](std::span<const std::string_view> around, std::string_view key) {
        return around.size() < 3 ? key != "previous_attributes" : key == "object" || key == "amount";
      });
  ASSERT_TRUE(body.has_value()) << body.error();
  EXPECT_EQ(body->account, "acct_1");
  EXPECT_EQ(body->object, (Json{{"object", "charge"}, {"amount", 1000}}));
  EXPECT_TRUE(body->previous_attributes.is_null());
}

TEST(EventBody, IsAsLiveAsTheEventSaysElseAsItsObjectSays) {
  const auto livemode = [](const std::string& of_event, const std::string& of_object) {
    return ReadPayload("{" + of_event + R"("data":{"object":{)" + of_object + R"("object":"charge"}}})")
        ->livemode;
  };
  EXPECT_TRUE(livemode(R"("livemode":true,)", R"("livemode":false,)"));
  EXPECT_FALSE(livemode(R"("livemode":false,)", R"("livemode":true,)"));
  EXPECT_TRUE(livemode("", R"("livemode":true,)"));
  EXPECT_TRUE(livemode(R"("livemode":null,)", R"("livemode":true,)"));
  EXPECT_FALSE(livemode("", ""));
}

TEST(EventBody, TakesAbsentAndNullForNoPreviousAttributesAndNoAccount) {
  for (const char* payload :
       {R"({"data":{"object":{"object":"charge"}}})",
        R"({"account":null,"data":{"object":{"object":"charge"},"previous_attributes":null}})"}) {
    const Result<EventBody, std::string> body = ReadPayload(payload);
    ASSERT_TRUE(body.has_value()) << body.error();
    EXPECT_TRUE(body->previous_attributes.is_null());
    EXPECT_EQ(body->account, "");
  }
}

TEST(EventBody, IsRefusedWhereAProjectionCannotUseTheEvent) {
  const struct {
    const char* payload;
    const char* reason;
  } cases[] = {
      {"{}", "event.data must be an object"},
      {R"({"data":null})", "event.data must be an object"},
      {R"({"data":[]})", "event.data must be an object"},
      {R"({"data":{}})", "event.data.object must be an object"},
      {R"({"data":{"object":null}})", "event.data.object must be an object"},
      {R"({"data":{"object":"ch_1"}})", "event.data.object must be an object"},
      {R"({"data":{"object":{}}})", "event.data.object must be a charge"},
      {R"({"data":{"object":{"object":"refund"}}})", "event.data.object must be a charge"},
      {R"({"data":{"object":{"object":7}}})", "event.data.object must be a charge"},
      {R"({"livemode":1,"data":{"object":{"object":"charge"}}})", "event.livemode must be true or false"},
      {R"({"data":{"object":{"object":"charge","livemode":"yes"}}})",
       "event.data.object.livemode must be true or false"},
      {R"({"account":7,"data":{"object":{"object":"charge"}}})",
       "event.account must be an ID or an object with one"},
      {R"({"data":{"object":{"object":"charge"},"previous_attributes":[]}})",
       "event.data.previous_attributes must be an object"},
      {R"({"data":{"object":{"object":"charge","a":1,"a":2}}})",
       "the payload cannot be read: a key stands twice in one object"},
      {R"({"data":{"object":{"object":"charge","a":"\u0000"}}})",
       "the payload cannot be read: a string holds a NUL character"},
      {R"({"data":{"object":{"object":"charge","a":"\ud802"}}})",
       "the payload cannot be read: a string holds half of a surrogate pair"},
      {R"({"data":{"object":{"object":"charge","a":9223372036854775808}}})",
       "the payload cannot be read: an integer is beyond 64 bits"},
      {R"({"data":{"object":{"object":"charge","a":1e999}}})",
       "the payload cannot be read: a number is beyond a double"},
      {"[]", "event.data must be an object"},
  };
  for (const auto& c : cases) {
    const Result<EventBody, std::string> body = ReadPayload(c.payload);
    ASSERT_FALSE(body.has_value()) << c.payload;
    EXPECT_EQ(body.error(), c.reason) << c.payload;
  }
}

}  // namespace
}  // namespace billhook::stripe
