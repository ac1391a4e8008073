#include "domain/json_tape.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "domain/json.h"
#include "domain/stripe/envelope.h"
#include "tests/support/fixtures.h"

namespace billhook {
namespace {

using Kind = TapeValue::Kind;

bool IsPlain(const std::string& text) {
  return JsonTape::Of(text).has_value();
}

TEST(JsonTape, HoldsTheValuesInOrder) {
  const std::optional<JsonTape> tape = JsonTape::Of(
      R"({"a":[-7,{"":true},[],"é\n\u0041"],"b":{"c":null,"d":{}},"e":1.5,"f":18446744073709551615,"g":false})");
  ASSERT_TRUE(tape.has_value());
  EXPECT_FALSE(tape->has_nul());
  ASSERT_EQ(tape->root().kind(), Kind::kObject);
  TapeValue at = tape->root().Inside();
  ASSERT_EQ(at.text(), "a");
  at = at.Next();
  ASSERT_EQ(at.kind(), Kind::kArray);
  TapeValue element = at.Inside();
  EXPECT_EQ(element.kind(), Kind::kInteger);
  EXPECT_EQ(element.integer(), -7);
  element = element.Next();
  ASSERT_EQ(element.kind(), Kind::kObject);
  EXPECT_EQ(element.Inside().text(), "");
  EXPECT_EQ(element.Inside().Next().kind(), Kind::kTrue);
  EXPECT_TRUE(element.Inside().Next().Next().IsEnd());
  element = element.Next();
  ASSERT_EQ(element.kind(), Kind::kArray);
  EXPECT_TRUE(element.Inside().IsEnd());
  element = element.Next();
  EXPECT_EQ(element.text(), "é\nA");
  EXPECT_TRUE(element.Next().IsEnd());
  at = at.Next();
  EXPECT_EQ(at.text(), "b");
  EXPECT_EQ(at.Next().Inside().Next().kind(), Kind::kNull);
  at = at.Next().Next();
  EXPECT_EQ(at.text(), "e");
  EXPECT_EQ(at.Next().kind(), Kind::kDouble);
  EXPECT_EQ(at.Next().number(), 1.5);
  at = at.Next().Next();
  EXPECT_EQ(at.Next().kind(), Kind::kBeyond);
  at = at.Next().Next();
  EXPECT_EQ(at.Next().kind(), Kind::kFalse);
  EXPECT_TRUE(at.Next().Next().IsEnd());
}

TEST(JsonTape, IsOfOneObjectOfValidJsonAlone) {
  EXPECT_TRUE(IsPlain("{}"));
  EXPECT_TRUE(IsPlain("{\r\n\t\"a\" : 1 } \n"));
  for (const std::string& text : {std::string(),
                                  std::string("7"),
                                  std::string("[]"),
                                  std::string(" {}"),
                                  std::string("\xef\xbb\xbf{}"),
                                  std::string("{}{}"),
                                  std::string("{},"),
                                  std::string("{}\0", 3),
                                  std::string("{"),
                                  std::string("{\"a\"}"),
                                  std::string("{\"a\":01}"),
                                  std::string("{\"a\":1.}"),
                                  std::string("{\"a\":-}"),
                                  std::string("{\"a\":+1}"),
                                  std::string("{\"a\":tru}"),
                                  std::string("{\"a\":truex}"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{\"a\":[1,]}"),
                                  std::string("{\"a\":[1}}"),
                                  std::string("{\"a\":\"\n\"}"),
                                  std::string("{\"a\":\"\\x\"}"),
                                  std::string("{\"a\":\"\\u00g0\"}"),
                                  std::string("{\"a\":\"\xff\"}"),
                                  std::string("{\"a\":\"\xed\xa0\x80\"}"),
                                  std::string("{\"a\":\"\xc0\x80\"}"),
                                  std::string("{\"a\":1}x"),
                                  std::string("{\"a\":\"\0\"}", 9),
                                  std::string("{\"a\"\0:1}", 8),
                                  std::string("{'a':1}"),
                                  std::string("{\"a\":NaN}"),
                                  std::string("{\"a\":1 2}")})
    EXPECT_FALSE(IsPlain(text)) << text;
}

TEST(JsonTape, LeavesHalvesOfSurrogatePairsToOthers) {
  EXPECT_TRUE(IsPlain(R"({"a":"\ud83d\ude00","\uDBFF\uDFFF":"\\ud83d \\\\ude00 \ud7ff\ue000"})"));
  for (const char* text :
       {R"({"a":"\ud83d"})", R"({"a":"\ude00"})", R"({"a":"\ude00\ud83d"})", R"({"a":"\ud83d\u0041"})",
        R"({"a":"\ud83dx"})", R"({"a":"\ud83d\ud83d\ude00"})", R"({"a":"\\ud83d\ude00"})", R"({"\uDC00":1})",
        R"({"a":"\ud83d\\ude00"})", R"({"a":"\ud83d\n\ude00"})"})
    EXPECT_FALSE(IsPlain(text)) << text;
}

TEST(JsonTape, TellsWhetherThereIsANul) {
  EXPECT_TRUE(JsonTape::Of(R"({"a":"\u0000"})")->has_nul());
  EXPECT_TRUE(JsonTape::Of(R"({"a":{"\u0000":1}})")->has_nul());
  EXPECT_FALSE(JsonTape::Of(R"({"a":"\\u0000","b":"\u0001"})")->has_nul());
}

TEST(JsonTape, LeavesWhatIsLargeDeepOrBeyondAllNumbersToOthers) {
  const auto of_size = [](std::size_t size) { return "{\"a\":\"" + std::string(size - 8, 'x') + "\"}"; };
  EXPECT_TRUE(IsPlain(of_size(JsonTape::kMaxTextBytes)));
  EXPECT_FALSE(IsPlain(of_size(JsonTape::kMaxTextBytes + 1)));
  EXPECT_TRUE(IsPlain(of_size(100))) << "after a large one";
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(IsPlain(nested(JsonTape::kMaxDepth)));
  EXPECT_FALSE(IsPlain(nested(JsonTape::kMaxDepth + 1)));
  EXPECT_TRUE(IsPlain(R"({"a":[-9223372036854775808,18446744073709551615,1e308,4.9e-324]})"));
  for (const char* number : {"1e309", "-1e309", "18446744073709551616", "-9223372036854775809"})
    EXPECT_FALSE(IsPlain(std::string("{\"a\":") + number + "}")) << number;
}

// Writes JSON as nobody should: with all that a text may hold.
class Scribe {
 public:
  explicit Scribe(std::uint64_t seed) : random_(seed) {}

  std::string Object(int depth) {
    std::string text = "{";
    for (std::size_t i = Below(5); i > 0; --i)
      text += Blank() + Key() + Blank() + ":" + Value(depth - 1) + (i > 1 ? "," : "");
    return text + Blank() + "}";
  }

  // As of an event.
  std::string Event() {
    std::vector<std::string> members = {
        R"("id":)" +
            Choice({"\"evt_1\"", "\"evt_1\"", "\"evt\\u005f1\"", "7", "null", "\"\\ud802\"", "\"\""}),
        R"("type":)" + Choice({"\"charge.updated\"", "\"charge.updated\"", "\"\\u0063harge\"", "true"}),
        R"("object":)" + Choice({"\"event\"", "\"event\"", "\"v2.core.event\"", "null"}),
        R"("created":)" + Choice({"1767268800", "1767268800", "0", "-0", "-1", "1.0", "1e3", "253402300800",
                                  "99999999999999999999", "\"2026-01-01T12:00:00Z\""}),
        R"("data":)" + Choice({Data(), Data(), "null", Object(2)}),
        R"("related_object":)" + Choice({"null", R"({"id":"mtr_1","type":"billing.meter"})", Object(2)})};
    std::shuffle(members.begin(), members.end(), random_);
    if (Below(4) == 0) members.erase(members.begin() + static_cast<std::ptrdiff_t>(Below(members.size())));
    if (Below(4) == 0) members.push_back(Key() + ":" + Value(3));
    if (Below(8) == 0) members.push_back(members[Below(members.size())]);
    std::string text;
    for (const std::string& member : members) text += (text.empty() ? "{" : ",") + Blank() + member;
    return text + Blank() + "}";
  }

  std::string Mutated(std::string text) {
    for (std::size_t i = Below(3); i > 0 && !text.empty(); --i) {
      const std::size_t at = Below(text.size());
      switch (Below(6)) {
        case 0:
          text[at] = static_cast<char>(random_());
          break;
        case 1:
          text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
          break;
        case 2:
          text.erase(at, 1 + Below(4));
          break;
        case 3:
          text.insert(at, text.substr(Below(text.size()), 1 + Below(12)));
          break;
        case 4:
          text.insert(Below(2) == 0 ? 0 : at,
                      Choice({"\xef\xbb\xbf", " ", "\\u0000", "\\ud800", "\\\\", "1e999", "-0", ",", "{", "]",
                              "\"", std::string(1, '\0')}));
          break;
        default:
          text.resize(at);
      }
    }
    return text;
  }

  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

 private:
  std::string Choice(const std::vector<std::string>& choices) { return choices[Below(choices.size())]; }
  std::string Blank() { return Below(4) == 0 ? Choice({" ", "\n", "\r\n", "\t "}) : ""; }
  std::string Key() {
    return Choice({R"("id")", R"("object")", R"("data")", R"("a")", R"("a")", R"("items")",
                   R"("a_key_of_many_bytes")", R"("a_key_of_more_bytes")", R"("")", R"("é")", R"("\u0069d")",
                   R"("metadata")", R"("amount")"});
  }
  std::string Value(int depth) {
    switch (Below(depth > 0 ? 7 : 5)) {
      case 0:
        return Choice({"null", "true", "false"});
      case 1:
        return Choice({"0", "-0", "1", "-1", "9223372036854775807", "-9223372036854775808",
                       std::to_string(random_() >> 1)});
      case 2:
        return Choice({"\"\"", "\"text\"", R"("a\n\"\\b")", R"("\u00e9é😀")", R"("\ud83d\ude00")",
                       R"("\\ud83d")", R"("\\u0000")", R"("\u001f")"});
      case 3:
        return Choice({"1.5", "-1.5e-7", "1E3", "1e308", "0.1", "123456789.123456789012345678901234567890",
                       std::to_string(random_()) + "e-" + std::to_string(Below(300))});
      case 4:  // what documents do not hold, and what is nearly so
        return Below(4) != 0
                   ? "7"
                   : Choice({"1e999", "-1e309", "9223372036854775808", "18446744073709551616",
                             "-9223372036854775809", "0.0", "-0.0", "1e-400", "4.9e-324", "2e-324",
                             R"("\u0000")", R"("\ud800")", R"("\udc00\ud800")", R"("\ud800\u0041")"});
      case 5: {
        std::string text = "[";
        for (std::size_t i = Below(4); i > 0; --i) text += Value(depth - 1) + (i > 1 ? "," : "");
        return text + "]";
      }
      default:
        return Object(depth);
    }
  }
  std::string Data() {
    return R"({"object":{"object":)" + Choice({"\"charge\"", "\"charge\"", "7"}) + R"(,"id":)" +
           Choice({"\"ch_1\"", "\"ch_1\"", "null"}) + "," + R"("rest":)" + Value(4) +
           (Below(6) == 0 ? "," + Key() + ":" + Value(2) : "") + "}" +
           (Below(6) == 0 ? R"(,"object":{"object":"charge","id":"ch_2"})" : "") + "}";
  }

  std::mt19937_64 random_;
};

// A text with a blank before it is not plain, and means the same.
std::string NotPlain(const std::string& text) {
  return " " + text;
}

void ExpectOneVerdict(const std::string& body) {
  const Result<stripe::Envelope, std::string> quick = stripe::ReadEnvelope(body);
  const Result<stripe::Envelope, std::string> strict = stripe::ReadEnvelope(NotPlain(body));
  ASSERT_EQ(quick.has_value(), strict.has_value()) << ::testing::PrintToString(body);
  if (!quick) {
    EXPECT_EQ(quick.error(), strict.error()) << ::testing::PrintToString(body);
    return;
  }
  EXPECT_EQ(quick->id, strict->id);
  EXPECT_EQ(quick->type, strict->type);
  EXPECT_EQ(quick->occurred_at, strict->occurred_at);
  EXPECT_EQ(quick->aggregate_type, strict->aggregate_type) << body;
  EXPECT_EQ(quick->aggregate_id, strict->aggregate_id) << body;
}

bool WantsSome(std::span<const std::string_view> around, std::string_view key) {
  return around.size() < 3 ? key != "items" : around.back() == "data" || key.size() % 2 == 0;
}

bool WantsAll(std::span<const std::string_view>, std::string_view) {
  return true;
}

// Exactly what ParseJson holds is without fault; keys with an escape may be left to it.
void ExpectOneDocument(const std::string& text) {
  const bool has_escape = text.find('\\') != std::string::npos;
  const Result<Json, std::string> whole = ParseJson(text);
  for (MemberFilter wants : {&WantsAll, &WantsSome}) {
    const std::optional<Json> quick = ParseFaultlessJson(text, wants);
    const std::optional<Json> strict = ParseFaultlessJson(NotPlain(text), wants);
    ASSERT_TRUE(whole.has_value() || !quick) << ::testing::PrintToString(text);
    ASSERT_TRUE(quick.has_value() || !strict) << ::testing::PrintToString(text);
    ASSERT_TRUE(quick.has_value() || !whole || has_escape) << ::testing::PrintToString(text);
    if (!quick) continue;
    const Result<Json, std::string> expected = ParseJson(text, wants);
    ASSERT_TRUE(expected.has_value());
    ASSERT_EQ(quick->dump(), expected->dump()) << ::testing::PrintToString(text);  // 1 and 1.0 differ
    ASSERT_EQ(*quick, *expected);
    if (strict) {
      ASSERT_EQ(*quick, *strict);
    }
  }
}

TEST(PlainTexts, OfEveryFixtureAreReadAsTheStrictScannerReadsThem) {
  EXPECT_FALSE(IsPlain(NotPlain("{}")));
  for (const test::Fixture& fixture : test::AllFixtures()) {
    EXPECT_TRUE(IsPlain(fixture.body)) << fixture.name();
    ExpectOneVerdict(fixture.body);
    ExpectOneDocument(fixture.body);
  }
}

TEST(PlainTexts, AreReadAsTheStrictScannerReadsThemAtEveryDepth) {
  for (const std::size_t depth : {1, 2, 62, 63, 64, 65, 510, 511, 512, 513, 514}) {
    for (const std::string& inner : {std::string(), std::string("1"), std::string("{}"), std::string("[]")}) {
      const std::string nested = std::string(depth, '[') + inner + std::string(depth, ']');
      ExpectOneVerdict(R"({"id":"e","type":"t","created":1,"a":)" + nested + "}");
      ExpectOneDocument(R"({"id":"e","type":"t","created":1,"a":)" + nested + "}");
    }
  }
}

TEST(PlainTexts, AreReadAsTheStrictScannerReadsThemHoweverTheyAreCut) {
  const std::string body = Scribe(7).Event();
  for (std::size_t size = 0; size <= body.size(); ++size) {
    ExpectOneVerdict(body.substr(0, size));
    ExpectOneDocument(body.substr(0, size));
  }
}

RC_GTEST_PROP(PlainTexts, AreReadAsTheStrictScannerReadsThem, (std::uint64_t seed)) {
  Scribe scribe(seed);
  int plain = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string event = scribe.Event();
    const std::string object = scribe.Object(5);
    plain += IsPlain(event) ? 1 : 0;
    for (const std::string& text : {event, scribe.Mutated(event)}) ExpectOneVerdict(text);
    for (const std::string& text : {event, object, scribe.Mutated(event), scribe.Mutated(object)})
      ExpectOneDocument(text);
  }
  RC_ASSERT(plain > 20);
  RC_ASSERT(!::testing::Test::HasFailure());
}

RC_GTEST_PROP(PlainTexts, OfFixturesAreReadAsTheStrictScannerReadsThemWhereverABitIsWrong,
              (std::uint64_t seed)) {
  static const std::vector<test::Fixture> kFixtures = test::AllFixtures();
  Scribe scribe(seed);
  for (int i = 0; i < 20; ++i) {
    const std::string body = scribe.Mutated(kFixtures[scribe.Below(kFixtures.size())].body);
    ExpectOneVerdict(body);
    ExpectOneDocument(body);
  }
  RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(PlainTexts, FindAKeyThatStandsTwiceAmongMany) {
  std::string text = "{";
  for (int i = 0; i < 3'000; ++i) text += "\"key_" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  EXPECT_TRUE(ParseFaultlessJson(text + "\"a\":{\"key_7\":1}}", &WantsAll).has_value());
  EXPECT_FALSE(ParseFaultlessJson(text + "\"key_7\":1}", &WantsAll).has_value());
  EXPECT_FALSE(ParseFaultlessJson(text + "\"a\":{\"b\":1,\"b\":1}}", &WantsSome).has_value());
  // Each text has keys of its own, however many were read before it.
  for (int i = 0; i < 70'000; ++i)
    ASSERT_TRUE(ParseFaultlessJson(R"({"a":1,"b":{"a":1}})", &WantsAll).has_value());
}

}  // namespace
}  // namespace billhook
