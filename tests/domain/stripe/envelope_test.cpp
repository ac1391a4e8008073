#include "domain/stripe/envelope.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook::stripe {
namespace {

// Whose members are given as JSON text; empty = absent.
struct Parts {
  std::string id = "\"evt_1\"";
  std::string type = "\"charge.succeeded\"";
  std::string created = "1767268800";
  std::string object = "\"event\"";
  std::string rest = ",\"data\":{\"object\":{\"object\":\"charge\",\"id\":\"ch_1\"}}";
};

std::string Body(const Parts& parts = {}) {
  std::string members;
  const auto put = [&members](const char* key, const std::string& value) {
    if (value.empty()) return;
    if (!members.empty()) members += ",";
    members += std::string("\"") + key + "\":" + value;
  };
  put("id", parts.id);
  put("object", parts.object);
  put("type", parts.type);
  put("created", parts.created);
  return "{" + members + parts.rest + "}";
}

bool Accepts(const std::string& body) {
  return ReadEnvelope(body).has_value();
}

// "type/id" of the aggregate.
std::string AggregateOf(const std::string& body) {
  const Result<Envelope, std::string> envelope = ReadEnvelope(body);
  if (!envelope) return "refused: " + envelope.error();
  return envelope->aggregate_type + "/" + envelope->aggregate_id;
}

std::string Repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

TEST(Envelope, OfASnapshotEventNamesTheObjectInside) {
  const Result<Envelope, std::string> envelope = ReadEnvelope(Body());
  ASSERT_TRUE(envelope.has_value()) << envelope.error();
  EXPECT_EQ(envelope->id, "evt_1");
  EXPECT_EQ(envelope->type, "charge.succeeded");
  EXPECT_EQ(envelope->occurred_at, 1'767'268'800'000'000);
  EXPECT_EQ(envelope->aggregate_type, "charge");
  EXPECT_EQ(envelope->aggregate_id, "ch_1");
}

TEST(Envelope, OfAThinEventNamesTheRelatedObject) {
  const Result<Envelope, std::string> envelope = ReadEnvelope(Body(
      {.type = "\"v1.billing.meter.error_report_triggered\"",
       .created = "\"2026-01-01T12:00:00.123456Z\"",
       .object = "\"v2.core.event\"",
       .rest =
           R"(,"related_object":{"id":"mtr_1","type":"billing.meter","url":"/v1/billing/meters/mtr_1"})"}));
  ASSERT_TRUE(envelope.has_value()) << envelope.error();
  EXPECT_EQ(envelope->occurred_at, 1'767'268'800'123'456);
  EXPECT_EQ(envelope->aggregate_type, "billing.meter");
  EXPECT_EQ(envelope->aggregate_id, "mtr_1");
}

TEST(Envelope, OfAThinEventWithoutARelatedObjectNamesTheEvent) {
  for (const char* rest : {"", R"(,"related_object":null)", R"(,"related_object":{"id":"mtr_1"})",
                           R"(,"data":{"object":{"object":"charge","id":"ch_1"}})"}) {
    EXPECT_EQ(AggregateOf(
                  Body({.created = "\"2026-01-01T12:00:00Z\"", .object = "\"v2.core.event\"", .rest = rest})),
              "v2.core.event/evt_1")
        << rest;
  }
}

TEST(Envelope, NamesTheEventWhereTheObjectInsideCannotBeNamed) {
  for (
      const std::string& rest : {
          std::string(),
          std::string(R"(,"data":null)"),
          std::string(R"(,"data":[{"object":{"object":"charge","id":"ch_1"}}])"),
          std::string(R"(,"data":{})"),
          std::string(R"(,"data":{"object":null})"),
          std::string(R"(,"data":{"object":"ch_1"})"),
          std::string(R"(,"data":{"object":{"object":"invoice","amount_due":100}})"),  // invoice.upcoming
          std::string(R"(,"data":{"object":{"id":"ch_1"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":7}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":""}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"ch\u0000"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"ch\n1"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"\ud802"}})"),
          R"(,"data":{"object":{"object":"charge","id":")" + std::string(256, 'c') + R"("}})",
          std::string(R"(,"data":{"object":{"object":{"object":"charge"},"id":"ch_1"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"ch_1","id":"ch_2"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"ch_1","\u0069d":"ch_1"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","object":"charge","id":"ch_1"}})"),
          std::string(
              R"(,"data":{"object":{"object":"charge","id":"ch_1"},"object":{"object":"charge","id":"ch_1"}})"),
          std::string(R"(,"data":{"object":{"object":"charge","id":"ch_1"},"object":null})"),
      }) {
    EXPECT_EQ(AggregateOf(Body({.rest = rest})), "event/evt_1") << rest;
  }
  EXPECT_EQ(AggregateOf(Body({.object = "", .rest = ""})), "event/evt_1");
  EXPECT_EQ(AggregateOf(Body({.object = "7", .rest = ""})), "event/evt_1");
}

TEST(Envelope, RecordsWhateverStandsDeeper) {
  for (
      const char* rest : {
          R"(,"data":{"object":{"object":"charge","id":"ch_1","amount":1e999,"amount":-0.1,"x":"\u0000","y":"\ud802"}})",
          R"(,"data":{"object":{"object":"charge","id":"ch_1","nested":{"id":"in","object":"inner"}}})",
          R"(,"data":{"previous_attributes":{"object":"x","id":"y"},"object":{"id":"ch_1","object":"charge"}})",
          R"(,"data":{"object":{"\u0069d":"ch_1","\u006fbject":"\u0063harge"}})",
          R"(,"d\u0061ta":{"obj\u0065ct":{"object":"charge","id":"ch_1"}})",
          R"(,"nested":{"data":{"object":{"object":"no","id":"no"}}},"data":{"object":{"object":"charge","id":"ch_1"}})",
      }) {
    EXPECT_EQ(AggregateOf(Body({.rest = rest})), "charge/ch_1") << rest;
  }
}

TEST(Envelope, ReadsEscapedKeysAndValues) {
  const Result<Envelope, std::string> envelope = ReadEnvelope(
      "{\"\\u0069d\":\"evt\\u005f1\",\"typ\\u0065\":\"a\\/"
      "b\\u00e9\",\"cre\\u0061ted\":1,\"\\u006fbject\":\"event\"}");
  ASSERT_TRUE(envelope.has_value()) << envelope.error();
  EXPECT_EQ(envelope->id, "evt_1");
  EXPECT_EQ(envelope->type, "a/b\xc3\xa9");
  EXPECT_EQ(envelope->occurred_at, kMicrosPerSecond);
}

TEST(Envelope, TakesItsMembersInAnyOrderAndSpacing) {
  EXPECT_EQ(AggregateOf("\n{ \"data\" : { \"object\" : { \"id\" : \"ch_1\" , \"object\" : \"charge\" } } "
                        ",\r\n\t\"created\" : 0 ,"
                        " \"type\" : \"x\" , \"id\" : \"evt_1\" }\n"),
            "charge/ch_1");
}

TEST(Envelope, RefusesABodyThatIsNotOneObject) {
  const std::string good = Body();
  ASSERT_TRUE(Accepts(good));
  for (const std::string& body :
       {std::string(), std::string(" "), std::string("null"), std::string("[]"), "[" + good + "]",
        "\"" + good + "\"", good + good, good + ",", good + "x", "\xef\xbb\xbf" + good, "\xff\xfe" + good,
        good.substr(0, good.size() - 1), Body({.rest = ",\"a\":"}), Body({.rest = ",\"a\":\"\xff\""}),
        Body({.rest = ",\"a\":\"\xed\xa0\x80\""}), Body({.rest = ",\"a\":01"}),
        Body({.rest = ",\"a\":\"\n\""}), Body({.rest = ","}), good + std::string(1, '\0')}) {
    EXPECT_FALSE(Accepts(body)) << body;
  }
}

TEST(Envelope, RefusesEveryTruncationOfABody) {
  const std::string good = Body();
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(Accepts(good.substr(0, size))) << size;
}

TEST(Envelope, TakesABodyOf512LevelsAndNotOneMore) {
  const auto nested = [](std::size_t depth) {
    return Body({.rest = ",\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']')});
  };
  EXPECT_TRUE(Accepts(nested(512)));
  EXPECT_FALSE(Accepts(nested(513)));
  const auto inside_data = [](std::size_t depth) {  // `data` and `object` are read on the way
    return Body({.rest = ",\"data\":{\"object\":{\"a\":" + std::string(depth - 3, '[') +
                         std::string(depth - 3, ']') + "}}"});
  };
  EXPECT_TRUE(Accepts(inside_data(512)));
  EXPECT_FALSE(Accepts(inside_data(513)));
}

TEST(Envelope, RefusesAKeyOfItsOwnThatStandsTwice) {
  for (const char* rest :
       {R"(,"id":"evt_1")", R"(,"\u0069d":"evt_1")", R"(,"type":"x")", R"(,"created":1)",
        R"(,"object":"event")", R"(,"data":{},"data":{})", R"(,"livemode":true,"livemode":true)",
        R"(,"x":1,"y":2,"x":1)", R"(,"\ud802":1,"\ud802":1)"}) {
    const Result<Envelope, std::string> envelope = ReadEnvelope(Body({.rest = rest}));
    ASSERT_FALSE(envelope.has_value()) << rest;
    EXPECT_EQ(envelope.error(), "A key of the event stands in it twice.");
  }
}

TEST(Envelope, RefusesAnIdOrTypeThatCannotNameAnything) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("7"), std::string("true"), std::string("[\"evt_1\"]"),
        std::string("{\"id\":\"evt_1\"}"), std::string("\"\""), std::string("\"evt\\n1\""),
        std::string("\"evt\\u0000\""), std::string("\"\\u001f\""), std::string("\"evt\x7f\""),
        std::string("\"\\u0085\""), std::string("\"\xc2\x9f\""), std::string("\"\\ud802\""),
        std::string("\"\\udc00x\""), "\"" + std::string(256, 'e') + "\"",
        "\"" + Repeat("\xc3\xa9", 256) + "\"", "\"" + Repeat("\\u00e9", 256) + "\""}) {
    EXPECT_FALSE(Accepts(Body({.id = text}))) << text;
    EXPECT_FALSE(Accepts(Body({.type = text}))) << text;
  }
}

TEST(Envelope, CountsTheLengthOfAnIdInCharacters) {
  for (const std::string& character :
       {std::string("e"), std::string("\xc3\xa9"), std::string("\xe2\x82\xac"),
        std::string("\xf0\x9f\x98\x80"), std::string("\\ud83d\\ude00"), std::string("\\\\")}) {
    EXPECT_TRUE(Accepts(Body({.id = "\"" + Repeat(character, 255) + "\""}))) << character;
    EXPECT_FALSE(Accepts(Body({.id = "\"" + Repeat(character, 256) + "\""}))) << character;
    EXPECT_TRUE(Accepts(Body({.type = "\"" + character + "\""}))) << character;
  }
  EXPECT_TRUE(Accepts(Body({.id = "\"\xc2\xa0\""}))) << "a no-break space is no control character";
}

TEST(Envelope, TakesCreatedAsAnIntegerThatRfc3339CanWrite) {
  EXPECT_EQ(ReadEnvelope(Body({.created = "0"}))->occurred_at, 0);
  EXPECT_EQ(ReadEnvelope(Body({.created = "253402300799"}))->occurred_at, 253'402'300'799'000'000);
  for (const char* created : {"", "253402300800", "-1", "-0", "1.0", "1e3", "1E0", "0.0", "\"1\"",
                              "\"2026-01-01T12:00:00Z\"", "null", "true", "[1]", "{}", "9223372036854775807",
                              "9223372036854775808", "99999999999999999999999", "1767268800.5"}) {
    EXPECT_FALSE(Accepts(Body({.created = created}))) << created;
  }
}

TEST(Envelope, TakesCreatedOfAThinEventAsRfc3339) {
  const auto thin = [](const std::string& created) {
    return Body({.created = created, .object = "\"v2.core.event\""});
  };
  EXPECT_EQ(ReadEnvelope(thin("\"1970-01-01T00:00:00.000Z\""))->occurred_at, 0);
  EXPECT_TRUE(Accepts(thin("\"2026-01-01T14:00:00+02:00\"")));
  EXPECT_TRUE(Accepts(thin("\"2026-01-01T12:00:00\\u005a\"")));
  for (const char* created : {"", "1767268800", "\"1767268800\"", "null", "\"\"", "\"2026-01-01\"",
                              "\"2026-02-30T12:00:00Z\"", "\"1969-12-31T23:59:59Z\""}) {
    EXPECT_FALSE(Accepts(thin(created))) << created;
  }
}

TEST(Envelope, QuotesNothingOfTheBodyInItsReason) {
  for (const std::string& body :
       {Body({.id = "\"secret\\n\""}), Body({.type = "[\"secret\"]"}), Body({.created = "\"secret\""}),
        Body({.rest = ",\"secret\":secret"}), Body({.rest = ",\"secret\":1,\"secret\":1"})}) {
    const Result<Envelope, std::string> envelope = ReadEnvelope(body);
    ASSERT_FALSE(envelope.has_value()) << body;
    EXPECT_EQ(envelope.error().find("secret"), std::string::npos) << envelope.error();
  }
}

RC_GTEST_PROP(Envelope, IsReadOrRefusedWhateverTheBytes, (const std::string& bytes)) {
  std::string body = Body();
  if (*rc::gen::arbitrary<bool>()) body = bytes;
  body.insert(*rc::gen::inRange<std::size_t>(0, body.size() + 1), bytes);
  const Result<Envelope, std::string> envelope = ReadEnvelope(body);
  if (envelope) {
    RC_ASSERT(IsIdentifier(envelope->id));
    RC_ASSERT(IsIdentifier(envelope->aggregate_id));
  } else {
    RC_ASSERT(!envelope.error().empty());
  }
}

}  // namespace
}  // namespace billhook::stripe
