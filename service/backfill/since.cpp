#include "service/backfill/since.h"

#include <charconv>
#include <optional>

#include "domain/time.h"

namespace billhook::backfill {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;

std::optional<std::int64_t> WholeNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size() || number < 0 || number > kMaxUnixSeconds)
    return std::nullopt;
  return number;
}

std::optional<std::int64_t> Seconds(std::string_view text, std::int64_t now_s) {
  if (const std::optional<UnixMicros> at = ParseRfc3339(text)) return *at / kMicrosPerSecond;
  if (!text.ends_with('d')) return WholeNumber(text);
  const std::optional<std::int64_t> days = WholeNumber(text.substr(0, text.size() - 1));
  if (!days || *days > now_s / kSecondsPerDay) return std::nullopt;
  return now_s - *days * kSecondsPerDay;
}

}  // namespace

Result<std::int64_t, std::string> ParseSince(std::string_view text, std::int64_t now_s) {
  const std::optional<std::int64_t> since = Seconds(text, now_s);
  if (!since)
    return Unexpected<std::string>(
        "--since must be a time such as 2026-01-02T03:04:05Z, Unix seconds, or days such as 30d");
  if (*since >= now_s) return Unexpected<std::string>("--since must lie in the past");
  return *since;
}

}  // namespace billhook::backfill
