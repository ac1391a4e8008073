// JSON text that is written without a document.
#include "domain/json_writer.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

namespace billhook::test {
namespace {

using OrderedJson = nlohmann::ordered_json;

TEST(JsonWriter, WritesWhatADocumentOfTheSameWouldBe) {
  JsonWriter writer;
  writer.Begin();
  writer.Field("text", "a \"b\" \\ c");
  writer.Field("least", std::numeric_limits<std::int64_t>::min());
  writer.Field("true", true);
  writer.Field("nothing", std::optional<std::string>());
  writer.Field("something", std::optional<std::int64_t>(7));
  writer.Optional("empty", "");
  writer.Literal("document", R"({"a":[1]})");
  writer.BeginList("list");
  writer.Value(1);
  writer.Begin();
  writer.End();
  writer.EndList();
  writer.End();
  const OrderedJson document = {{"text", "a \"b\" \\ c"},
                                {"least", std::numeric_limits<std::int64_t>::min()},
                                {"true", true},
                                {"nothing", nullptr},
                                {"something", 7},
                                {"empty", nullptr},
                                {"document", {{"a", {1}}}},
                                {"list", {1, OrderedJson::object()}}};
  EXPECT_EQ(writer.text(), document.dump());
}

RC_GTEST_PROP(JsonWriter, EscapesAsDocumentsDo, ()) {
  const auto characters = *rc::gen::container<std::u32string>(
      rc::gen::oneOf(rc::gen::inRange<char32_t>(0, 0x80), rc::gen::inRange<char32_t>(0xa0, 0x800)));
  const auto times = *rc::gen::inRange(1, 60);  // texts of some thousand characters, too
  std::string text;
  for (const char32_t c : characters) {
    if (c < 0x80) {
      text += static_cast<char>(c);
    } else {
      text += static_cast<char>(0xc0 | c >> 6);
      text += static_cast<char>(0x80 | (c & 0x3f));
    }
  }
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  JsonWriter writer;
  writer.Value(repeated);
  RC_ASSERT(writer.text() == OrderedJson(repeated).dump());
}

TEST(JsonWriter, EscapesEachCharacterWhereverItStands) {
  std::vector<std::string> texts = {std::string(5'000, '\1'), std::string(5'000, '"'),
                                    std::string(5'000, 'a')};
  for (int c = 0; c < 0x80; ++c) {
    for (std::size_t before = 0; before < 50; ++before)
      texts.push_back(std::string(before, ' ') + static_cast<char>(c) + std::string(50 - before, '-'));
  }
  for (std::size_t before = 1'000; before < 1'050; ++before)
    texts.push_back(std::string(before, ' ') + "\n\"\1" + std::string(before, '-'));
  for (const std::string& text : texts) {
    JsonWriter writer;
    writer.Value(text);
    EXPECT_EQ(writer.text(), OrderedJson(text).dump());
  }
}

TEST(JsonWriter, IndentsAsStripeDoes) {
  JsonWriter writer(JsonWriter::Layout::kIndented);
  writer.Begin();
  writer.Field("id", "evt_1");
  writer.BeginList("list");
  writer.Value("a");
  writer.Value("b");
  writer.EndList();
  writer.EmptyObject("none");
  writer.End();
  const OrderedJson document = {{"id", "evt_1"}, {"list", {"a", "b"}}, {"none", OrderedJson::object()}};
  EXPECT_EQ(writer.text(), document.dump(2));
}

}  // namespace
}  // namespace billhook::test
