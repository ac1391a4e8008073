#include "domain/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace billhook {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ValuesUnder, KeepsEachValueAsItIsWritten) {
  EXPECT_THAT(ValuesUnder(R"({"a": 1, "data" :  { "x" : 1.50, "data": [ 2 ] } , "b":2})", "data", 1),
              ElementsAre(R"({ "x" : 1.50, "data": [ 2 ] })"));
  EXPECT_THAT(ValuesUnder(R"({"data":"}\"{"})", "data", 1), ElementsAre(R"("}\"{")"));
  EXPECT_THAT(ValuesUnder(R"({"data":1e3})", "data", 1), ElementsAre("1e3"));
}

TEST(ValuesUnder, FindsThemInOrderAtThatDepthAlone) {
  EXPECT_THAT(ValuesUnder(R"({"events":[{"data":{"data":0}},{"metadata":{"data":9},"data":{}}]})", "data", 3),
              ElementsAre(R"({"data":0})", "{}"));
  EXPECT_THAT(ValuesUnder(R"({"events":[{"data":1}]})", "data", 1), IsEmpty());
}

TEST(ValuesUnder, KnowsAKeyThatIsWrittenWithEscapes) {
  EXPECT_THAT(ValuesUnder(R"({"d\u0061ta":7})", "data", 1), ElementsAre("7"));
}

TEST(ElementsOf, KeepsEachElementAsItIsWritten) {
  EXPECT_THAT(ElementsOf("[]"), IsEmpty());
  EXPECT_THAT(ElementsOf("[ \n]"), IsEmpty());
  EXPECT_THAT(ElementsOf(R"([1.50 , "a,]\"" ,{ "b" : [2, 3] },[[]],null,-0e1])"),
              ElementsAre("1.50", R"("a,]\"")", R"({ "b" : [2, 3] })", "[[]]", "null", "-0e1"));
}

TEST(IsJson, IsTrueOfOneWholeValueAlone) {
  EXPECT_TRUE(IsJson(R"({"a":[1,{"a":2,"a":3}]})"));
  for (const char* text : {"", "{", "{}{}", "[1,]", "nul", "\"\xff\""}) EXPECT_FALSE(IsJson(text)) << text;
}

}  // namespace
}  // namespace billhook
