#include "domain/json.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

TEST(ParseJson, BuildsTheDocument) {
  const Result<Json, std::string> parsed = ParseJson(
      R"( {"a":[1,{"b":null},[],"x"],"c":{"d":true,"e":{}},"":false,"\u0066":1.5,"g":"\ud83d\ude00\n"} )");
  ASSERT_TRUE(parsed.has_value()) << parsed.error();
  EXPECT_EQ(*parsed, (Json{{"a", Json::array({1, {{"b", nullptr}}, Json::array(), "x"})},
                           {"c", {{"d", true}, {"e", Json::object()}}},
                           {"", false},
                           {"f", 1.5},
                           {"g", "\xf0\x9f\x98\x80\n"}}));
  EXPECT_EQ(*ParseJson("[]"), Json::array());
  EXPECT_EQ(*ParseJson("7"), Json(7));
}

TEST(ParseJson, RefusesAKeyThatStandsTwiceHoweverItIsWritten) {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":1,"b":2,"\u0061":3})", R"([{"x":{"a":1,"a":2}}])",
                           R"({"é":1,"\u00e9":2})", R"({"":1,"":2})"}) {
    const Result<Json, std::string> parsed = ParseJson(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error(), "a key stands twice in one object");
  }
  EXPECT_TRUE(ParseJson(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})").has_value());
}

TEST(ParseJson, RefusesTextThatNotEveryReaderCanHold) {
  const struct {
    const char* text;
    const char* reason;
  } cases[] = {
      {R"(["\u0000"])", "a string holds a NUL character"},
      {R"({"a\u0000":1})", "a string holds a NUL character"},
      {R"(["\ud802"])", "a string holds half of a surrogate pair"},
      {R"({"\udc00":1})", "a string holds half of a surrogate pair"},
      {R"(["\udc00\ud800"])", "a string holds half of a surrogate pair"},
  };
  for (const auto& c : cases) {
    const Result<Json, std::string> parsed = ParseJson(c.text);
    ASSERT_FALSE(parsed.has_value()) << c.text;
    EXPECT_EQ(parsed.error(), c.reason) << c.text;
  }
}

TEST(ParseJson, KeepsIntegersExactToTheEdgesOf64Bits) {
  for (std::int64_t value : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
                             std::numeric_limits<std::int64_t>::max()}) {
    const Result<Json, std::string> parsed = ParseJson(std::to_string(value));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_TRUE(parsed->is_number_integer());
    EXPECT_EQ(parsed->get<std::int64_t>(), value);
  }
  for (const char* text : {"9223372036854775808", "-9223372036854775809", "18446744073709551615",
                           "123456789012345678901234567890"}) {
    EXPECT_FALSE(ParseJson(text).has_value()) << text;
  }
}

TEST(ParseJson, TakesAFractionOrAnExponentForADoubleThatMustBeFinite) {
  for (const char* text : {"1.0", "1e3", "1E0", "-0.0", "9223372036854775808.0", "1e308", "4.9e-324"}) {
    const Result<Json, std::string> parsed = ParseJson(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_TRUE(parsed->is_number_float()) << text;
  }
  for (const char* text : {"1e309", "-1e309", "1e999999999999"})
    EXPECT_FALSE(ParseJson(text).has_value()) << text;
}

TEST(ParseJson, PassesOnWhatTheScannerRefuses) {
  for (const char* text : {"", "{", "[1,]", "{}{}", "\"\xff\"", "\xef\xbb\xbf{}"}) {
    const Result<Json, std::string> parsed = ParseJson(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_FALSE(parsed.error().empty());
  }
}

TEST(ParseJson, HoldsADocumentOfTheGreatestDepth) {
  const std::string text = std::string(512, '[') + std::string(512, ']');
  const Result<Json, std::string> parsed = ParseJson(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->dump(), text);
}

Json GenDocument(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 7 : 5)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<double>();
    case 4:
      return *rc::gen::container<std::string>(rc::gen::element('a', '"', '\\', '\n', '\x1f', '/', '\x7f'));
    case 5: {
      Json array = Json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) array.push_back(GenDocument(depth - 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        object[*rc::gen::element<std::string>("a", "b", "id", "\n", "\"", "")] = GenDocument(depth - 1);
      }
      return object;
    }
  }
}

RC_GTEST_PROP(ParseJson, ReadsBackWhatNlohmannJsonWrites, ()) {
  const Json document = GenDocument(4);
  for (int indent : {-1, 2}) {
    const Result<Json, std::string> parsed = ParseJson(document.dump(indent));
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(*parsed == document);
  }
}

TEST(ParseJson, LeavesOutTheMembersThatNobodyWants) {
  const MemberFilter wants = [](std::span<const std::string_view> around, std::string_view key) {
    return around.size() > 2 || key == "a" || key == "b\n";
  };
  const Result<Json, std::string> parsed = ParseJson(
      R"({"x":{"a":[1,{"a":2}]},"a":{"x":[[]],"a":{"x":1},"b\n":[{"x":7}]},"y":"\u0000","y":1e999,"b\n":null})",
      wants);
  ASSERT_TRUE(parsed.has_value()) << parsed.error();
  EXPECT_EQ(*parsed, Json::parse(R"({"a":{"a":{"x":1},"b\n":[{"x":7}]},"b\n":null})"));
}

TEST(ParseJson, ChecksWhatItLeavesOutForGrammar) {
  const MemberFilter wants = [](std::span<const std::string_view>, std::string_view key) {
    return key == "a";
  };
  for (const char* text :
       {R"({"x":[1,],"a":1})", R"({"x":{"b"},"a":1})", R"({"x":01,"a":1})", R"({"x":[)", R"({"x":)"})
    EXPECT_FALSE(ParseJson(text, wants).has_value()) << text;
  EXPECT_FALSE(ParseJson(R"({"a":1,"x":2,"a":3})", wants).has_value()) << "a wanted key stands twice";
}

TEST(ParseJson, TellsUnderWhichKeyAMemberStands) {
  const MemberFilter wants = [](std::span<const std::string_view> around, std::string_view key) {
    return around.size() == 1 || around.back() == "b" || key == "all";
  };
  const Result<Json, std::string> parsed =
      ParseJson(R"({"a":{"x":1,"all":[{"b":{"y":2}}]},"b":{"x":1,"c":{"x":1}},"c":{"x":2}})", wants);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, Json::parse(R"({"a":{"all":[{}]},"b":{"x":1,"c":{}},"c":{}})"));
}

bool WantsA(std::span<const std::string_view>, std::string_view key) {
  return key == "a";
}

TEST(ParseFaultlessJson, TakesATextThatHasNoFaultEvenWhereItIsLeftOut) {
  for (const char* text :
       {R"({"a":1,"x":{"a":1,"y":[1,{"z":1},{"z":2}],"w":"\u00e9\n"},"y":-9223372036854775808,"z":1.5e3})",
        R"({"a":{"a":"b","b":[]},"b":{"a":{},"c":{"a":1}},"c":{"a":{}}})", "[]", "7"}) {
    const std::optional<Json> parsed = ParseFaultlessJson(text, &WantsA);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(*parsed, *ParseJson(text, &WantsA)) << text;
  }
}

TEST(ParseFaultlessJson, RefusesWhatADocumentCouldNotHoldWhereverItStands) {
  for (const char* text :
       {R"({"a":1,"x":{"y":1,"z":{"y":1},"y":2}})", R"({"x":1,"a":1,"x":2})", R"({"x":"\u0000"})",
        R"({"x":["\ud800"]})", R"({"x":9223372036854775808})", R"({"x":{"y":1e999}})",
        R"({"x":{"\u0000":1}})", R"({"x":[1,]})", R"({"a":1,"a":2})", R"({"x":[{"k":1,"k":1}]})"}) {
    ASSERT_FALSE(ParseJson(text).has_value()) << text;
    EXPECT_FALSE(ParseFaultlessJson(text, &WantsA).has_value()) << text;
  }
}

}  // namespace
}  // namespace billhook
