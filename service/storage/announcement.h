// What billhook processes that share a database tell each other, so that none has to look again and again:
// that the log grew, and how far the readers of a projection see. It is a hint and may be lost: whoever hears
// nothing looks by itself now and then. Values.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace billhook::storage {

struct Announcement {
  std::string projection;     // empty: the log grew
  std::int64_t position = 0;  // up to which readers of the projection see

  [[nodiscard]] std::string ToText() const;
  static std::optional<Announcement> From(std::string_view text);
  bool operator==(const Announcement&) const = default;
};

// Whether what other processes announce arrives here.
enum class Hearing {
  kAlone,   // one process owns the database: there is nobody to hear
  kWorks,   // proven by an announcement of our own that came back
  kBroken,  // not connected, or behind a pooler that hands none on: looking now and then finds what is new
};

using OnHeard = std::function<void(const Announcement&)>;
using OnHearing = std::function<void(Hearing, const std::string& why)>;

}  // namespace billhook::storage
