#include "domain/time.h"

#include <chrono>

#include "domain/check.h"

namespace billhook {
namespace {

// Reads exactly `digits` decimal digits at the front of `text` and removes them; -1 if they are not there.
int TakeNumber(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool Take(std::string_view& text, char upper) {
  if (text.empty() || (text[0] != upper && text[0] != (upper | 0x20))) return false;
  text.remove_prefix(1);
  return true;
}

// Rows hold many times: this is a tenth of what snprintf costs.
void AppendDigits(std::string& text, int number, std::size_t digits) {
  const std::size_t end = text.size() + digits;
  text.resize(end);
  for (std::size_t i = 1; i <= digits; ++i, number /= 10)
    text[end - i] = static_cast<char>('0' + number % 10);
}

}  // namespace

std::string FormatRfc3339(UnixMicros at) {
  BILLHOOK_CHECK(at >= 0 && at / kMicrosPerSecond <= kMaxUnixSeconds);
  const std::chrono::sys_seconds second{std::chrono::seconds(at / kMicrosPerSecond)};
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{second - day};
  std::string text;
  text.reserve(27);
  AppendDigits(text, static_cast<int>(date.year()), 4);
  AppendDigits(text += '-', static_cast<int>(static_cast<unsigned>(date.month())), 2);
  AppendDigits(text += '-', static_cast<int>(static_cast<unsigned>(date.day())), 2);
  AppendDigits(text += 'T', static_cast<int>(time.hours().count()), 2);
  AppendDigits(text += ':', static_cast<int>(time.minutes().count()), 2);
  AppendDigits(text += ':', static_cast<int>(time.seconds().count()), 2);
  if (const auto micros = at % kMicrosPerSecond; micros != 0)
    AppendDigits(text += '.', static_cast<int>(micros), 6);
  return text += 'Z';
}

std::optional<UnixMicros> ParseRfc3339(std::string_view text) {
  const int year = TakeNumber(text, 4);
  if (year < 1970 || !Take(text, '-')) return std::nullopt;
  const int month = TakeNumber(text, 2);
  if (month < 1 || !Take(text, '-')) return std::nullopt;
  const int day = TakeNumber(text, 2);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (day < 1 || !date.ok() || !Take(text, 'T')) return std::nullopt;
  const int hour = TakeNumber(text, 2);
  if (hour < 0 || hour > 23 || !Take(text, ':')) return std::nullopt;
  const int minute = TakeNumber(text, 2);
  if (minute < 0 || minute > 59 || !Take(text, ':')) return std::nullopt;
  int second = TakeNumber(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  if (second == 60) second = 59;  // a leap second, which Unix time does not count
  std::int64_t micros = 0;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    std::int64_t unit = kMicrosPerSecond / 10;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, unit /= 10) {
      micros += (text[digits] - '0') * unit;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
  }
  std::int64_t offset_min = 0;
  if (!Take(text, 'Z')) {
    if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const int sign = text[0] == '+' ? 1 : -1;
    text.remove_prefix(1);
    const int hours = TakeNumber(text, 2);
    if (hours < 0 || hours > 23 || !Take(text, ':')) return std::nullopt;
    const int minutes = TakeNumber(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset_min = sign * (hours * 60 + minutes);
  }
  if (!text.empty()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = ((days * 24 + hour) * 60 + minute - offset_min) * 60 + second;
  if (seconds < 0 || seconds > kMaxUnixSeconds) return std::nullopt;
  return seconds * kMicrosPerSecond + micros;
}

}  // namespace billhook
