#include "service/http/retry_after.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "service/http/framing.h"

namespace billhook::http {
namespace {

constexpr std::string_view kDays = "Mon Tue Wed Thu Fri Sat Sun ";
constexpr std::string_view kMonths = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
constexpr std::string_view kForm = "Sun, 06 Nov 1994 08:49:37 GMT";

const std::string* HeaderOf(const Response& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& field) { return EqualIgnoringCase(field.first, name); });
  return found == response.headers.end() ? nullptr : &found->second;
}

// Where `names`, each of three letters and a blank, have this one; nothing if they have not.
std::optional<std::size_t> PlaceOf(std::string_view name, std::string_view names) {
  const std::size_t at = names.find(std::string(name) + " ");
  if (at == std::string_view::npos || at % 4 != 0) return std::nullopt;
  return at / 4;
}

std::optional<std::int64_t> Seconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (fault != std::errc() || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return seconds;
}

}  // namespace

std::optional<UnixMicros> ParseHttpDate(std::string_view text) {
  if (text.size() != kForm.size() || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' ||
      text[16] != ' ' || text.substr(25) != " GMT" || !PlaceOf(text.substr(0, 3), kDays))
    return std::nullopt;
  const std::optional<std::size_t> month = PlaceOf(text.substr(8, 3), kMonths);
  if (!month) return std::nullopt;
  std::string rfc3339(text.substr(12, 4));
  rfc3339.append(*month < 9 ? "-0" : "-").append(std::to_string(*month + 1));
  rfc3339.append("-").append(text.substr(5, 2)).append("T").append(text.substr(17, 8)).append("Z");
  return ParseRfc3339(rfc3339);
}

std::optional<std::chrono::seconds> RetryAfterOf(const Response& response, UnixMicros now) {
  const std::string* value = HeaderOf(response, "Retry-After");
  if (value == nullptr) return std::nullopt;
  if (const std::optional<std::int64_t> seconds = Seconds(*value)) return std::chrono::seconds(*seconds);
  const std::optional<UnixMicros> then = ParseHttpDate(*value);
  if (!then) return std::nullopt;
  const std::string* date = HeaderOf(response, "Date");
  const UnixMicros asked_at = (date == nullptr ? std::nullopt : ParseHttpDate(*date)).value_or(now);
  const UnixMicros left = std::max<UnixMicros>(*then - asked_at, 0);
  return std::chrono::seconds((left + kMicrosPerSecond - 1) / kMicrosPerSecond);
}

}  // namespace billhook::http
