#include "service/backfill/since.h"

#include <gtest/gtest.h>

namespace billhook::backfill {
namespace {

constexpr std::int64_t kNow = 1'767'268'800;  // 2026-01-01T12:00:00Z

TEST(Since, IsATimeUnixSecondsOrDays) {
  EXPECT_EQ(*ParseSince("2025-12-31T12:00:00Z", kNow), kNow - 86'400);
  EXPECT_EQ(*ParseSince("2025-12-31T13:00:00+01:00", kNow), kNow - 86'400);
  EXPECT_EQ(*ParseSince("1767182400", kNow), kNow - 86'400);
  EXPECT_EQ(*ParseSince("1d", kNow), kNow - 86'400);
  EXPECT_EQ(*ParseSince("30d", kNow), kNow - 30 * 86'400);
  EXPECT_EQ(*ParseSince("0", kNow), 0);
}

TEST(Since, RefusesWhatIsNoneOfThemOrNotInThePast) {
  for (const char* text : {"", "d", "-1d", "1.5d", "30 d", "30D", "yesterday", "2026-01-01", "-5", "1e9",
                           "99999999999999999999", "99999999d", "0d", "1767268800", "2026-01-01T12:00:00Z"})
    EXPECT_FALSE(ParseSince(text, kNow)) << text;
}

}  // namespace
}  // namespace billhook::backfill
