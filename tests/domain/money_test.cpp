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

TEST(Fraction, AddsExactlyAndRoundsOnce) {
  Fraction sum;
  EXPECT_TRUE(sum.RoundHalfToEven() == 0);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(sum.Add(7, 12));
  EXPECT_TRUE(sum.RoundHalfToEven() == 7);
  ASSERT_TRUE(sum.Add(1, 2));
  EXPECT_TRUE(sum.RoundHalfToEven() == 8) << "7.5 lies as near to 7 as to 8, and 8 is even";
}

TEST(Fraction, RoundsHalvesToTheEvenNeighbour) {
  for (const auto& [numerator, rounded] : std::vector<std::pair<int, int>>{
           {-5, -2}, {-3, -2}, {-2, -1}, {-1, 0}, {0, 0}, {1, 0}, {2, 1}, {3, 2}, {5, 2}, {7, 4}}) {
    Fraction sum;
    ASSERT_TRUE(sum.Add(numerator, 2));
    EXPECT_TRUE(sum.RoundHalfToEven() == rounded) << numerator << "/2";
  }
  Fraction just_above;
  ASSERT_TRUE(just_above.Add(1, 2) && just_above.Add(1, kMax128));
  EXPECT_TRUE(just_above.RoundHalfToEven() == 1);
  Fraction just_below;
  ASSERT_TRUE(just_below.Add(3, 2) && just_below.Add(-1, kMax128));
  EXPECT_TRUE(just_below.RoundHalfToEven() == 1);
}

TEST(Fraction, IsExactOverDenominatorsWhoseProductFitsNowhere) {
  Fraction sum;
  for (int prime : {1093, 1091, 1087, 1069, 1063, 1061, 1051, 1049, 1039, 1033, 1031, 1021}) {
    ASSERT_TRUE(sum.Add(prime - 1, prime));
    ASSERT_TRUE(sum.Add(1, prime));
    ASSERT_TRUE(sum.Add(1, Int128{prime} * prime));
    ASSERT_TRUE(sum.Add(-1, Int128{prime} * prime));
  }
  ASSERT_TRUE(sum.Add(1, 2));
  EXPECT_TRUE(sum.RoundHalfToEven() == 12) << "12.5 exactly";
}

TEST(Fraction, RefusesWhatDoesNotFitAndStaysAsItWas) {
  Fraction sum;
  ASSERT_TRUE(sum.Add(kMax128 - 1, 1));
  EXPECT_FALSE(sum.Add(1, 1));
  EXPECT_FALSE(sum.Add(2, 1));
  EXPECT_TRUE(sum.RoundHalfToEven() == kMax128 - 1);
  Fraction many;
  for (std::size_t i = 0; i < Fraction::kMaxDenominators; ++i)
    ASSERT_TRUE(many.Add(1, static_cast<Int128>(i) + 2));
  EXPECT_FALSE(many.Add(1, 1'000'003));
  EXPECT_TRUE(many.Add(1, 2)) << "a denominator that is there already";
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
