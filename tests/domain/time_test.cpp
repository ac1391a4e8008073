#include "domain/time.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

TEST(Rfc3339, WritesSecondsAndOnlyAFractionThatIsThere) {
  EXPECT_EQ(FormatRfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(1), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(FormatRfc3339(951'782'400'500'000), "2000-02-29T00:00:00.500000Z");
  EXPECT_EQ(FormatRfc3339(kMaxUnixSeconds * kMicrosPerSecond + 999'999), "9999-12-31T23:59:59.999999Z");
}

TEST(Rfc3339, ReadsEveryFormOfOneMoment) {
  constexpr UnixMicros kMoment = 1'767'323'045'000'000;  // 2026-01-02T03:04:05Z
  for (const char* text :
       {"2026-01-02T03:04:05Z", "2026-01-02t03:04:05z", "2026-01-02T03:04:05.0Z",
        "2026-01-02T03:04:05.0000000000Z", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05-00:00",
        "2026-01-02T05:34:05+02:30", "2026-01-01T22:04:05-05:00", "2026-01-03T03:03:05+23:59"}) {
    EXPECT_EQ(ParseRfc3339(text), kMoment) << text;
  }
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05.5Z"), kMoment + 500'000);
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05.123456Z"), kMoment + 123'456);
  EXPECT_EQ(ParseRfc3339("2026-01-02T03:04:05.123456999Z"), kMoment + 123'456)
      << "digits beyond the sixth are dropped";
}

TEST(Rfc3339, ReadsTheEdgesOfItsRange) {
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseRfc3339("1970-01-01T00:00:00-00:01"), 60 * kMicrosPerSecond);
  EXPECT_EQ(ParseRfc3339("9999-12-31T23:59:59.999999Z"), kMaxUnixSeconds * kMicrosPerSecond + 999'999);
  EXPECT_EQ(ParseRfc3339("2000-02-29T00:00:00Z"), 951'782'400'000'000);
}

TEST(Rfc3339, RefusesAllElse) {
  for (const char* text : {"",
                           "Z",
                           "2026",
                           "2026-01-02",
                           "2026-01-02T03:04:05",
                           "2026-01-02 03:04:05Z",
                           "2026-01-02T03:04Z",
                           "2026-1-02T03:04:05Z",
                           "26-01-02T03:04:05Z",
                           "12026-01-02T03:04:05Z",
                           "2026-00-02T03:04:05Z",
                           "2026-13-02T03:04:05Z",
                           "2026-01-00T03:04:05Z",
                           "2026-01-32T03:04:05Z",
                           "2026-02-29T03:04:05Z",
                           "2100-02-29T03:04:05Z",
                           "2026-04-31T03:04:05Z",
                           "2026-01-02T24:00:00Z",
                           "2026-01-02T03:60:05Z",
                           "2026-01-02T03:04:61Z",
                           "2026-01-02T03:04:05.Z",
                           "2026-01-02T03:04:05,5Z",
                           "2026-01-02T03:04:05+2:00",
                           "2026-01-02T03:04:05+0200",
                           "2026-01-02T03:04:05+24:00",
                           "2026-01-02T03:04:05+02:60",
                           "2026-01-02T03:04:05Zx",
                           "2026-01-02T03:04:05Z ",
                           " 2026-01-02T03:04:05Z",
                           "-026-01-02T03:04:05Z",
                           "2026-01-02T-3:04:05Z",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "9999-12-31T23:59:59-00:01"}) {
    EXPECT_FALSE(ParseRfc3339(text).has_value()) << text;
  }
}

TEST(Rfc3339, ReadsNoTruncationOfATime) {
  const std::string whole = "2026-01-02T03:04:05.123456+02:30";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseRfc3339(whole.substr(0, size)).has_value()) << whole.substr(0, size);
  }
}

RC_GTEST_PROP(Rfc3339, ReadsBackWhatItWrote, ()) {
  const UnixMicros at =
      *rc::gen::resize(1000, rc::gen::inRange<UnixMicros>(0, (kMaxUnixSeconds + 1) * kMicrosPerSecond));
  RC_ASSERT(ParseRfc3339(FormatRfc3339(at)) == at);
}

RC_GTEST_PROP(Rfc3339, SortsAsItsMomentsDo, ()) {
  const auto second = rc::gen::resize(1000, rc::gen::inRange<std::int64_t>(0, kMaxUnixSeconds + 1));
  const std::int64_t a = *second;
  const std::int64_t b = *second;
  RC_ASSERT((FormatRfc3339(a * kMicrosPerSecond) < FormatRfc3339(b * kMicrosPerSecond)) == (a < b));
}

}  // namespace
}  // namespace billhook
