#include "service/http/rate_limit.h"

#include <gtest/gtest.h>

namespace billhook::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const RateLimit::TimePoint kNow{std::chrono::hours(1)};

TEST(RateLimit, LetsASecondsWorthThroughAtOnceAndThenTheRate) {
  RateLimit limit(10);
  for (int i = 0; i < 10; ++i) ASSERT_FALSE(limit.Refuse("a", kNow)) << i;
  EXPECT_EQ(limit.Refuse("a", kNow), seconds(1));
  EXPECT_EQ(limit.Refuse("a", kNow + milliseconds(99)), seconds(1));
  EXPECT_FALSE(limit.Refuse("a", kNow + milliseconds(100)));
  EXPECT_TRUE(limit.Refuse("a", kNow + milliseconds(100)));
  int let_through = 0;
  for (int ms = 101; ms <= 10'100; ++ms) let_through += limit.Refuse("a", kNow + milliseconds(ms)) ? 0 : 1;
  EXPECT_EQ(let_through, 100);
}

TEST(RateLimit, RefusesNobodyForWhatOthersDo) {
  RateLimit limit(1);
  EXPECT_FALSE(limit.Refuse("a", kNow));
  EXPECT_TRUE(limit.Refuse("a", kNow));
  EXPECT_FALSE(limit.Refuse("b", kNow));
}

TEST(RateLimit, OfZeroIsNone) {
  RateLimit limit(0);
  for (int i = 0; i < 100'000; ++i) ASSERT_FALSE(limit.Refuse("a", kNow));
}

TEST(RateLimit, KnowsManyCallersAndForgetsThoseAtRest) {
  RateLimit limit(1);
  const auto crowd = [&limit](RateLimit::TimePoint now) {
    int let_through = 0;
    for (int i = 0; i < 50'000; ++i) let_through += limit.Refuse(std::to_string(i), now) ? 0 : 1;
    return let_through;
  };
  EXPECT_EQ(crowd(kNow), 16'385) << "those that find no place share one";
  EXPECT_TRUE(limit.Refuse("0", kNow)) << "who has a place keeps it";
  EXPECT_FALSE(limit.Refuse("0", kNow + seconds(1)));
  EXPECT_EQ(crowd(kNow + seconds(3)), 16'385);
}

TEST(RateLimit, LooksForThoseAtRestOnceASecondAtMost) {
  RateLimit limit(1);
  int next = 0;
  const auto crowd = [&](int callers, milliseconds at) {
    int let_through = 0;
    for (int i = 0; i < callers; ++i) let_through += limit.Refuse(std::to_string(next++), kNow + at) ? 0 : 1;
    return let_through;
  };
  EXPECT_EQ(crowd(16'384, milliseconds(0)), 16'384);
  EXPECT_EQ(crowd(10, milliseconds(500)), 1) << "nobody is at rest yet";
  EXPECT_EQ(crowd(10, milliseconds(1'499)), 0) << "all are, but nobody has looked since";
  EXPECT_EQ(crowd(10, milliseconds(1'500)), 10);
}

}  // namespace
}  // namespace billhook::http
