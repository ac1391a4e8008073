#include "domain/json_scanner.h"

#include <charconv>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

using Token = JsonScanner::Token;

// What a scan met; a scan is cut off by kEnd or kInvalid.
struct Scan {
  bool valid = false;
  std::size_t tokens = 0;
  bool lone_surrogate = false;
  bool number_beyond_double = false;
};

Scan ScanAll(std::string_view text) {
  JsonScanner scanner(text);
  Scan scan;
  while (true) {
    const Token token = scanner.Next();
    if (token == Token::kEnd || token == Token::kInvalid) {
      scan.valid = token == Token::kEnd;
      return scan;
    }
    ++scan.tokens;
    if (token == Token::kString || token == Token::kKey) {
      static_cast<void>(DecodeJsonString(scanner.text(), &scan.lone_surrogate));
    } else if (token == Token::kNumber) {
      double value = 0;
      const std::string_view number = scanner.text();
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
      if (parsed.ec != std::errc() || !std::isfinite(value)) scan.number_beyond_double = true;
    }
  }
}

bool Accepts(std::string_view text) {
  return ScanAll(text).valid;
}

std::string Nested(std::size_t depth, const std::string& open, const std::string& inner, char close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  return text + inner + std::string(depth, close);
}

TEST(JsonScanner, AcceptsEveryFormOfAValue) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "0",
                           "-0",
                           "1",
                           "-1",
                           "10",
                           "0.5",
                           "-0.5",
                           "1.0",
                           "1e3",
                           "1E3",
                           "1e+3",
                           "1e-3",
                           "0e0",
                           "1.25E-10",
                           "123456789012345678901234567890",
                           "1e999",
                           "\"\"",
                           "\"a\"",
                           "[]",
                           "{}",
                           "[[]]",
                           "[{}]",
                           "[1,2]",
                           " [ 1 , 2 ] ",
                           "{\"a\":1}",
                           "\t{\r\n \"a\" : [ ] }\n",
                           "{\"a\":{\"b\":[null,true,false,\"x\",-1.5e-7]}}",
                           "{\"\":0}",
                           "{\"a\":1,\"a\":2}",
                           "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                           "\"\\u0000\"",
                           "\"\\uD834\\uDD1E\"",
                           "\"\\ud802\"",
                           "\"\\uDC00\\uD800\"",
                           "\"\\ufdd0\"",
                           "\"\x7f\"",
                           "\"a/b\"",
                           "\"\xc3\xa9\"",
                           "\"\xe2\x82\xac\"",
                           "\"\xf0\x9f\x98\x80\""}) {
    EXPECT_TRUE(Accepts(text)) << text;
  }
}

TEST(JsonScanner, RefusesEverythingThatIsNotExactlyOneValue) {
  for (const char* text : {"",
                           " ",
                           "1 2",
                           "{}{}",
                           "[] []",
                           "{},",
                           "\xef\xbb\xbf{}",
                           "[",
                           "]",
                           "{",
                           "}",
                           "[}",
                           "{]",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,1]",
                           "[,]",
                           "[1,,2]",
                           "[1 2]",
                           "[1:2]",
                           "[\"a\":1]",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\" 1}",
                           "{\"a\":1,}",
                           "{,\"a\":1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":1:2}",
                           "{\"a\",\"b\"}",
                           "{a:1}",
                           "{1:1}",
                           "{'a':1}",
                           "{null:1}",
                           "{[]:1}",
                           "[1]]",
                           "{}}",
                           ",",
                           ":",
                           "/**/1",
                           "1//",
                           "[1]#",
                           "\f1",
                           "\v1",
                           "1\xc2\xa0",
                           "\xc2\xa0"
                           "1"}) {
    EXPECT_FALSE(Accepts(text)) << text;
  }
}

TEST(JsonScanner, RefusesMalformedLiteralsAndNumbers) {
  for (const char* text :
       {"nul",       "nulll",        "NULL", "Null",     "tru",       "True",  "truefalse", "fals",
        "undefined", "NaN",          "nan",  "Infinity", "-Infinity", "+1",    "--1",       "-",
        "-a",        "01",           "00",   "-01",      "1.",        ".5",    "-.5",       "1.e3",
        "1e",        "1e+",          "1E-",  "1e1.5",    "1ee1",      "1_000", "0x10",      "1a",
        "1.5.5",     "\xef\xbc\x91", "- 1",  "1 e3"}) {
    EXPECT_FALSE(Accepts(text)) << text;
    EXPECT_FALSE(Accepts("[" + std::string(text) + "]")) << text;
  }
}

TEST(JsonScanner, RefusesMalformedStrings) {
  for (const std::string& text : {std::string("\""),
                                  std::string("\"a"),
                                  std::string("'a'"),
                                  std::string("\"\\\""),
                                  std::string("\"\\"),
                                  std::string("\"\\x\""),
                                  std::string("\"\\a\""),
                                  std::string("\"\\U0041\""),
                                  std::string("\"\\'\""),
                                  std::string("\"\\u\""),
                                  std::string("\"\\u1\""),
                                  std::string("\"\\u12\""),
                                  std::string("\"\\u123\""),
                                  std::string("\"\\u123g\""),
                                  std::string("\"\\u-123\""),
                                  std::string("\"\\u 123\""),
                                  std::string("\"\\ud83d\\u\""),
                                  std::string("\"\\\n\""),
                                  std::string("\"\\0\""),
                                  std::string("\"\\\0\"", 4)}) {
    EXPECT_FALSE(Accepts(text)) << text;
  }
}

TEST(JsonScanner, RefusesEveryUnescapedControlCharacterAtEveryPlace) {
  for (int byte = 0; byte < 0x20; ++byte) {
    for (std::size_t place = 0; place <= 17;
         ++place) {  // on all sides of the eight bytes that are looked at together
      std::string text(17, 'a');
      text.insert(place, 1, static_cast<char>(byte));
      EXPECT_FALSE(Accepts("\"" + text + "\"")) << byte << " at " << place;
    }
  }
}

TEST(JsonScanner, FindsTheEndOfAStringAtEveryPlace) {
  for (std::size_t size = 0; size <= 24; ++size) {
    const std::string text = "\"" + std::string(size, 'a') + "\",\"" + std::string(size, '!') + "\\\\\"";
    const std::string list = "[" + text + "]";
    JsonScanner strings(list);
    ASSERT_EQ(strings.Next(), Token::kBeginArray);
    ASSERT_EQ(strings.Next(), Token::kString);
    EXPECT_EQ(strings.text().size(), size);
    EXPECT_FALSE(strings.escaped());
    ASSERT_EQ(strings.Next(), Token::kString);
    EXPECT_EQ(strings.text().size(), size + 2);
    EXPECT_TRUE(strings.escaped());
  }
}

TEST(JsonScanner, AcceptsWellFormedUtf8Alone) {
  const std::vector<std::string> good = {
      "\x7f",         "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf",
      "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbb\xbf",
  };
  const std::vector<std::string> bad = {
      "\x80",
      "\xbf",
      "\xfe",
      "\xff",  // no lead byte
      "\xc0\x80",
      "\xc1\xbf",
      "\xe0\x80\x80",
      "\xe0\x9f\xbf",  // overlong
      "\xf0\x80\x80\x80",
      "\xf0\x8f\xbf\xbf",
      "\xf8\x88\x80\x80\x80",  // overlong, five bytes
      "\xed\xa0\x80",
      "\xed\xbf\xbf",
      "\xed\xa0\xbd\xed\xb8\x80",  // surrogates
      "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80",
      "\xf7\xbf\xbf\xbf",  // beyond U+10FFFF
      "\xc2",
      "\xe2\x82",
      "\xe2",
      "\xf0\x9f\x98",
      "\xf0\x9f",
      "\xf0",  // truncated
      "\xc2"
      "a",
      "\xe2\x82"
      "a",
      "\xe2"
      "aa",
      "\xf0\x9f\x98"
      "a",
      "\xc3\xc3",  // not continued
  };
  for (const std::string& bytes : good) {
    EXPECT_TRUE(Accepts("\"" + bytes + "\"")) << ::testing::PrintToString(bytes);
    EXPECT_TRUE(Accepts("{\"1234567" + bytes + "\":0}")) << ::testing::PrintToString(bytes);
  }
  for (const std::string& bytes : bad) {
    EXPECT_FALSE(Accepts("\"" + bytes + "\"")) << ::testing::PrintToString(bytes);
    EXPECT_FALSE(Accepts("{\"1234567" + bytes + "\":0}")) << ::testing::PrintToString(bytes);
    EXPECT_FALSE(Accepts(bytes)) << ::testing::PrintToString(bytes);
  }
}

TEST(JsonScanner, Accepts512LevelsAndNotOneMore) {
  static_assert(JsonScanner::kMaxDepth == 512);
  EXPECT_TRUE(Accepts(Nested(512, "[", "", ']')));
  EXPECT_TRUE(Accepts(Nested(512, "[", "1", ']')));
  EXPECT_FALSE(Accepts(Nested(513, "[", "", ']')));
  EXPECT_TRUE(Accepts(Nested(511, "{\"a\":", "{}", '}')));
  EXPECT_FALSE(Accepts(Nested(512, "{\"a\":", "{}", '}')));
  EXPECT_TRUE(Accepts("[" + Nested(511, "[", "", ']') + "," + Nested(511, "[", "", ']') + "]"))
      << "depth, not count";
  EXPECT_FALSE(Accepts(std::string(1'000'000, '[')));
}

TEST(JsonScanner, GivesTheTokensWithTheirTextAndDepth) {
  JsonScanner scanner(R"( {"a\n":[-1.50,true],"b":{"c":null},"d":"x"} )");
  const struct {
    Token token;
    std::string text;
    std::size_t depth;
  } expected[] = {
      {Token::kBeginObject, "", 1}, {Token::kKey, "a\\n", 1},     {Token::kBeginArray, "", 2},
      {Token::kNumber, "-1.50", 2}, {Token::kTrue, "", 2},        {Token::kEndArray, "", 1},
      {Token::kKey, "b", 1},        {Token::kBeginObject, "", 2}, {Token::kKey, "c", 2},
      {Token::kNull, "", 2},        {Token::kEndObject, "", 1},   {Token::kKey, "d", 1},
      {Token::kString, "x", 1},     {Token::kEndObject, "", 0},   {Token::kEnd, "", 0},
      {Token::kEnd, "", 0},
  };
  for (const auto& step : expected) {
    ASSERT_EQ(scanner.Next(), step.token);
    EXPECT_EQ(scanner.depth(), step.depth);
    if (!step.text.empty()) {
      EXPECT_EQ(scanner.text(), step.text);
    }
  }
  EXPECT_EQ(scanner.error(), "");
}

TEST(JsonScanner, StaysAtItsFirstFault) {
  JsonScanner scanner("[1,]");
  while (scanner.Next() != Token::kInvalid) {
  }
  const std::string error(scanner.error());
  EXPECT_FALSE(error.empty());
  EXPECT_EQ(scanner.Next(), Token::kInvalid);
  EXPECT_EQ(scanner.error(), error);
}

TEST(DecodeJsonString, GivesWhatTheEscapesMean) {
  const struct {
    const char* text;
    std::string value;
    bool lone_surrogate;
  } cases[] = {
      {"plain", "plain", false},
      {R"(\"\\\/\b\f\n\r\t)", "\"\\/\b\f\n\r\t", false},
      {R"(\u0041\u00e9\u20AC)", "A\xc3\xa9\xe2\x82\xac", false},
      {R"(\u0000)", std::string(1, '\0'), false},
      {R"(\ud83d\ude00!)", "\xf0\x9f\x98\x80!", false},
      {R"(\uDBFF\uDFFF)", "\xf4\x8f\xbf\xbf", false},
      {R"(\ud83d)", "\xed\xa0\xbd", true},
      {R"(\ude00)", "\xed\xb8\x80", true},
      {R"(\ud83d\u0041)",
       "\xed\xa0\xbd"
       "A",
       true},
      {R"(\ude00\ud83d)", "\xed\xb8\x80\xed\xa0\xbd", true},
      {R"(\ud83d\ud83d\ude00)", "\xed\xa0\xbd\xf0\x9f\x98\x80", true},
      {R"(\ud83d\\ude00)", "\xed\xa0\xbd\\ude00", true},
      {R"(\\ud83d)", "\\ud83d", false},
  };
  for (const auto& c : cases) {
    bool lone_surrogate = false;
    EXPECT_EQ(DecodeJsonString(c.text, &lone_surrogate), c.value) << c.text;
    EXPECT_EQ(lone_surrogate, c.lone_surrogate) << c.text;
  }
}

const std::vector<std::string>& WholeTexts() {
  static const std::vector<std::string> kTexts = {
      R"({"id":"evt_1","object":"event","created":1767268800,"data":{"object":{"id":"ch_1","amount":-12.50e+3}}})",
      R"([null,true,false,0,-1,1.5,"text",{},[],[[{"a":[{}]}]]])",
      "{\"k\xc3\xa9y\":\"\\u00e9 \\ud83d\\ude00 \xf0\x9f\x98\x80\\n\\\\\", \"a\" : [ 1 , 2 ] , \"a\" : {} }",
      R"("a string of more than eight bytes, \"quoted\" and \\ escaped")",
  };
  return kTexts;
}

TEST(JsonScanner, RefusesEveryTruncationOfAText) {
  for (const std::string& whole : WholeTexts()) {
    ASSERT_TRUE(Accepts(whole)) << whole;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(Accepts(std::string_view(whole).substr(0, size))) << whole.substr(0, size);
    }
  }
}

RC_GTEST_PROP(JsonScanner, ComesToAnEndOnAnyBytes, (const std::vector<std::uint8_t>& bytes)) {
  const std::string text(bytes.begin(), bytes.end());
  RC_ASSERT(ScanAll(text).tokens <= text.size());
}

// One of the whole texts with a few bytes replaced, put in, taken out or repeated. No NUL: nlohmann::json
// takes it for the end of the text.
std::string Mutated() {
  static const std::string kBytes =
      "{}[]\",:\\u0019dDeE+-. \ntfnlabx/\x01\x7f\x80\xbf\xc3\xa9\xe2\xed\xf0\xf4\xff";
  std::string text = *rc::gen::elementOf(WholeTexts());
  const int changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = *rc::gen::resize(1000, rc::gen::inRange<std::size_t>(0, text.size()));
    const char byte = *rc::gen::elementOf(kBytes);
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      case 2:
        text.erase(at, 1 + text.size() % 3);
        break;
      default:
        text.insert(at, text.substr(at, 6));
    }
  }
  return text;
}

TEST(JsonScanner, AgreesWithNlohmannJsonButForWhatItLeavesToItsCaller) {
  const bool held = rc::check([] {
    for (int i = 0; i < 500; ++i) {
      const std::string text = Mutated();
      if (text.starts_with("\xef\xbb\xbf")) continue;  // which nlohmann::json skips
      const Scan scan = ScanAll(text);
      const bool left_to_caller = scan.lone_surrogate || scan.number_beyond_double;
      const bool theirs = nlohmann::json::accept(text);
      if (scan.valid != theirs && !(scan.valid && left_to_caller)) {
        RC_FAIL(::testing::PrintToString(text) +
                (theirs ? " is refused here only" : " is accepted here only"));
      }
    }
  });
  EXPECT_TRUE(held);
}

}  // namespace
}  // namespace billhook
