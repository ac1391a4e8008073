#include "service/storage/sql_text.h"

#include <gtest/gtest.h>

namespace billhook::test {
namespace {

using storage::ReplaceParameters;

TEST(SqlText, PutsParametersInTheirPlaces) {
  const storage::TextList values = {"'a'", "'b'", "NULL", "4", "5", "6", "7", "8", "9", "'$1'", "'k'"};
  EXPECT_EQ(ReplaceParameters("SELECT $1, $11, $10::text[] FROM t WHERE x = $2 AND y IS $3", values),
            "SELECT 'a', 'k', '$1'::text[] FROM t WHERE x = 'b' AND y IS NULL");
  EXPECT_EQ(ReplaceParameters("SELECT '$' || '$[0]', 1 $", values), "SELECT '$' || '$[0]', 1 $");
}

TEST(SqlText, WritesListsAsJson) {
  EXPECT_EQ(storage::ListAsJson(storage::PairList{{"a", "b\""}, {"", "d"}}), R"([["a","b\""],["","d"]])");
  EXPECT_EQ(storage::ListAsJson(storage::TripleList{{"a", "b", "c"}}), R"([["a","b","c"]])");
  EXPECT_EQ(storage::ListAsJson(storage::TripleList{}), "[]");
  EXPECT_EQ(storage::ListAsJson(std::string("text")), std::nullopt);
}

}  // namespace
}  // namespace billhook::test
