#include "domain/money.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr Int128 kMax128 = ~(Int128{1} << 126 << 1);

TEST(Narrow, TakesWhatFitsInto64BitsAndNothingElse) {
  for (std::int64_t amount : {kMin, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, kMax}) {
    EXPECT_EQ(Narrow(amount), amount);
  }
  EXPECT_FALSE(Narrow(Int128{kMax} + 1).has_value());
  EXPECT_FALSE(Narrow(Int128{kMin} - 1).has_value());
  EXPECT_FALSE(Narrow(kMax128).has_value());
}

TEST(ToDecimal, WritesEveryDigit) {
  EXPECT_EQ(ToDecimal(0), "0");
  EXPECT_EQ(ToDecimal(-7), "-7");
  EXPECT_EQ(ToDecimal(100), "100");
  EXPECT_EQ(ToDecimal(Int128{kMax} + 1), "9223372036854775808");
  EXPECT_EQ(ToDecimal(kMax128), "170141183460469231731687303715884105727");
  EXPECT_EQ(ToDecimal(-kMax128 - 1), "-170141183460469231731687303715884105728");
}

RC_GTEST_PROP(ToDecimal, AgreesWithTheStandardLibraryWithin64Bits, (std::int64_t amount)) {
  RC_ASSERT(ToDecimal(amount) == std::to_string(amount));
}

TEST(DivideHalfToEven, RoundsToTheNearestAndHalvesToTheEvenNeighbour) {
  const struct {
    int numerator;
    int denominator;
    int quotient;
  } cases[] = {
      {0, 5, 0},   {1, 2, 0},   {3, 2, 2},     {5, 2, 2},   {7, 2, 4},   {1, 3, 0},   {2, 3, 1},
      {-1, 2, 0},  {-3, 2, -2}, {-5, 2, -2},   {-7, 2, -4}, {-1, 3, 0},  {-2, 3, -1}, {-4, 3, -1},
      {-5, 3, -2}, {10, 1, 10}, {-10, 1, -10}, {25, 10, 2}, {35, 10, 4}, {26, 10, 3}, {-26, 10, -3},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(DivideHalfToEven(c.numerator, c.denominator) == c.quotient)
        << c.numerator << "/" << c.denominator;
  }
}

TEST(DivideHalfToEven, HoldsAtTheEdgesOf128Bits) {
  EXPECT_TRUE(DivideHalfToEven(kMax128, 1) == kMax128);
  EXPECT_TRUE(DivideHalfToEven(-kMax128 - 1, 1) == -kMax128 - 1);
  EXPECT_TRUE(DivideHalfToEven(kMax128, kMax128) == 1);
  EXPECT_TRUE(DivideHalfToEven(1, kMax128) == 0);
  EXPECT_TRUE(DivideHalfToEven(kMax128 / 2 + 1, kMax128) == 1);
}

RC_GTEST_PROP(DivideHalfToEven, IsNeverMoreThanHalfAway, (std::int64_t numerator)) {
  const std::int64_t denominator = *rc::gen::inRange<std::int64_t>(1, 1000);
  const Int128 quotient = DivideHalfToEven(numerator, denominator);
  const Int128 twice_off = 2 * (quotient * denominator - numerator);
  RC_ASSERT(twice_off <= denominator && twice_off >= -denominator);
  if (twice_off == denominator || twice_off == -denominator) RC_ASSERT(quotient % 2 == 0);
}

TEST(Fraction, AddsExactlyAndRoundsOnce) {
  Fraction sum;
  EXPECT_TRUE(sum.RoundHalfToEven() == 0);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(sum.Add(7, 12));
  EXPECT_TRUE(sum.RoundHalfToEven() == 7);
  ASSERT_TRUE(sum.Add(1, 2));
  EXPECT_TRUE(sum.RoundHalfToEven() == 8) << "7.5 lies as near to 7 as to 8, and 8 is even";
}

TEST(Fraction, RefusesWhatDoesNotFitAndStaysAsItWas) {
  Fraction sum;
  ASSERT_TRUE(sum.Add(kMax128, 1));
  EXPECT_FALSE(sum.Add(1, 1)) << "numerator";
  EXPECT_TRUE(sum.RoundHalfToEven() == kMax128);
  Fraction small;
  ASSERT_TRUE(small.Add(1, kMax128));
  EXPECT_FALSE(small.Add(1, 2)) << "common denominator";
  EXPECT_TRUE(small.Add(0, 1));
}

RC_GTEST_PROP(Fraction, GivesTheSameSumInAnyOrder, ()) {
  const auto parts = *rc::gen::container<std::vector<std::pair<std::int64_t, std::int64_t>>>(rc::gen::pair(
      rc::gen::inRange<std::int64_t>(0, 1'000'000), rc::gen::element<std::int64_t>(1, 12, 36, 52, 365)));
  Fraction forwards;
  Fraction backwards;
  for (auto part = parts.begin(); part != parts.end(); ++part)
    RC_ASSERT(forwards.Add(part->first, part->second));
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    RC_ASSERT(backwards.Add(part->first, part->second));
  RC_ASSERT(ToDecimal(forwards.RoundHalfToEven()) == ToDecimal(backwards.RoundHalfToEven()));
}

}  // namespace
}  // namespace billhook
