#include "service/storage/announcement.h"

#include <charconv>

namespace billhook::storage {
namespace {

constexpr std::string_view kAppended = "appended";
constexpr std::string_view kAdvanced = "advanced ";  // then the projection, a blank and the position

}  // namespace

std::string Announcement::ToText() const {
  if (projection.empty()) return std::string(kAppended);
  return std::string(kAdvanced) + projection + " " + std::to_string(position);
}

std::optional<Announcement> Announcement::From(std::string_view text) {
  if (text == kAppended) return Announcement{};
  if (!text.starts_with(kAdvanced)) return std::nullopt;
  text.remove_prefix(kAdvanced.size());
  const std::size_t blank = text.find(' ');
  if (blank == 0 || blank == std::string_view::npos) return std::nullopt;
  const std::string_view number = text.substr(blank + 1);
  Announcement announcement{std::string(text.substr(0, blank)), 0};
  const auto [end, fault] =
      std::from_chars(number.data(), number.data() + number.size(), announcement.position);
  if (fault != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return announcement;
}

}  // namespace billhook::storage
