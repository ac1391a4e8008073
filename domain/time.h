// Points in time as integers, and their RFC 3339 text in UTC. Pure and thread safe; nothing here reads a
// clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace billhook {

// Microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
using UnixMicros = std::int64_t;

constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::int64_t kMaxUnixSeconds =
    253'402'300'799;  // 9999-12-31T23:59:59Z, the last that RFC 3339 can write

// "2026-01-02T03:04:05Z", or with six digits of fraction where it is not zero. From year 1970 to 9999.
std::string FormatRfc3339(UnixMicros at);

// An RFC 3339 timestamp with `Z` or an offset, from year 1970 to 9999; digits of the fraction beyond the
// sixth are dropped.
std::optional<UnixMicros> ParseRfc3339(std::string_view text);

}  // namespace billhook
