#include "service/http/retry_after.h"

#include <gtest/gtest.h>

namespace billhook::test {
namespace {

constexpr UnixMicros kNow = 784'111'777 * kMicrosPerSecond;  // Sun, 06 Nov 1994 08:49:37 GMT

// In seconds; -1: nothing.
std::int64_t Wait(const http::Fields& headers, UnixMicros now = kNow) {
  http::Response response;
  response.status = 429;
  response.headers = headers;
  const auto wait = http::RetryAfterOf(response, now);
  return wait ? wait->count() : -1;
}

TEST(HttpDate, IsReadInTheFormThatSendersMustUse) {
  EXPECT_EQ(http::ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), kNow);
  EXPECT_EQ(http::ParseHttpDate("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(FormatRfc3339(*http::ParseHttpDate("Tue, 29 Feb 2028 23:59:59 GMT")), "2028-02-29T23:59:59Z");
  EXPECT_EQ(FormatRfc3339(*http::ParseHttpDate("Thu, 31 Dec 2026 00:00:00 GMT")), "2026-12-31T00:00:00Z");
  for (const char* bad :
       {"", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Abc, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT", "Sun, 30 Feb 2026 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, 06 Nov 1969 08:49:37 GMT"})
    EXPECT_EQ(http::ParseHttpDate(bad), std::nullopt) << bad;
}

TEST(RetryAfter, IsToldInSecondsOrAsADate) {
  EXPECT_EQ(Wait({{"Retry-After", "7"}}), 7);
  EXPECT_EQ(Wait({{"retry-after", "0"}}), 0);
  EXPECT_EQ(Wait({{"Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"}}), 30);
  EXPECT_EQ(Wait({{"Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"}}, kNow + 1), 30) << "never too early";
  EXPECT_EQ(Wait({{"Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT"}}), 0) << "has passed";
  for (const char* bad : {"", "-1", "1.5", "soon", "7 s", "99999999999999999999"})
    EXPECT_EQ(Wait({{"Retry-After", bad}}), -1) << bad;
  EXPECT_EQ(Wait({}), -1);
}

TEST(RetryAfter, HoldsADateAgainstTheClockThatWroteIt) {
  const http::Fields headers = {{"Date", "Sun, 06 Nov 1994 08:50:00 GMT"},
                                {"Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"}};
  EXPECT_EQ(Wait(headers, 0), 7);
  EXPECT_EQ(Wait(headers, kNow + 3'600 * kMicrosPerSecond), 7);
  EXPECT_EQ(Wait({{"Date", "yesterday"}, {"Retry-After", "Sun, 06 Nov 1994 08:50:07 GMT"}}), 30);
}

}  // namespace
}  // namespace billhook::test
