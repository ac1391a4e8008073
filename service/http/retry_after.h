// How long an answer asks to wait before the next try (RFC 9110, 10.2.3). Pure and thread safe.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "domain/time.h"
#include "service/http/message.h"

namespace billhook::http {

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7: IMF-fixdate), from year 1970 on; the day's name is not
// held against the date.
std::optional<UnixMicros> ParseHttpDate(std::string_view text);

// What `Retry-After` says, in seconds or as a date; a date that has passed is 0. A date is held against the
// answer's own `Date`, so that clocks which differ do not matter, or against `now` where it has none.
std::optional<std::chrono::seconds> RetryAfterOf(const Response& response, UnixMicros now);

}  // namespace billhook::http
