#include "service/backfill/coverage.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook::backfill {
namespace {

constexpr std::int64_t kNow = 100 * 86'400;
constexpr std::int64_t kReach = kNow - kRetentionSeconds;

TEST(Coverage, NamesWhatLiesBeyondStripesListAndWhatWasNotWalked) {
  const Coverage coverage = CoverageOf({{kReach - 500, kNow}}, {{kReach + 100, kNow - 50}}, kNow);
  EXPECT_EQ(coverage.checked, (std::vector<Stretch>{{kReach + 100, kNow - 50}}));
  EXPECT_EQ(coverage.gaps, (std::vector<Gap>{{{kReach - 500, kReach}, true},
                                             {{kReach, kReach + 100}, false},
                                             {{kNow - 50, kNow}, false}}));
}

TEST(Coverage, CallsNothingAGapThatAnEarlierRunHasSeen) {
  const Coverage coverage = CoverageOf({{kReach - 500, kReach}, {kReach - 500, kNow}},
                                       {{kReach - 500, kReach}, {kReach, kNow}}, kNow);
  EXPECT_EQ(coverage.checked, (std::vector<Stretch>{{kReach - 500, kNow}}));
  EXPECT_TRUE(coverage.gaps.empty());
}

TEST(Coverage, OfNoRunsIsNothing) {
  EXPECT_TRUE(CoverageOf({}, {}, kNow).checked.empty());
  EXPECT_TRUE(CoverageOf({}, {}, kNow).gaps.empty());
}

std::vector<Stretch> AnyStretches() {
  return *rc::gen::container<std::vector<Stretch>>(rc::gen::map(
      rc::gen::pair(rc::gen::inRange<std::int64_t>(0, 60), rc::gen::inRange<std::int64_t>(0, 20)),
      [](const auto& drawn) {
        return Stretch{kReach - 30 + drawn.first, kReach - 30 + drawn.first + drawn.second};
      }));
}

// Second by second, with sets alone.
RC_GTEST_PROP(Coverage, TellsOfEverySecondWhatTheRunsTellInAnyOrder, ()) {
  const std::vector<Stretch> asked = AnyStretches();
  const std::vector<Stretch> checked = AnyStretches();
  const Coverage coverage = CoverageOf(asked, checked, kNow);
  const auto in = [](const std::vector<Stretch>& stretches, std::int64_t at) {
    return std::any_of(stretches.begin(), stretches.end(),
                       [at](const Stretch& stretch) { return stretch.from <= at && at < stretch.to; });
  };
  for (std::int64_t at = kReach - 40; at < kReach + 60; ++at) {
    RC_ASSERT(in(coverage.checked, at) == in(checked, at));
    std::size_t gaps = 0;
    for (const Gap& gap : coverage.gaps) {
      if (!in({gap.stretch}, at)) continue;
      ++gaps;
      RC_ASSERT(gap.beyond_retention == (at < kReach));
    }
    RC_ASSERT(gaps == (in(asked, at) && !in(checked, at) ? 1U : 0U));
  }
}

}  // namespace
}  // namespace billhook::backfill
