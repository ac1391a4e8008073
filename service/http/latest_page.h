// LatestPage: a page that costs much to make, for all who ask within a moment: made by one of them at a time,
// while the others wait for it. Thread safe.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace billhook::http {

class LatestPage {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  // As old as a page may be: nobody notices, and a flood of askers costs ten pages a second.
  static constexpr std::chrono::milliseconds kFreshFor{100};

  explicit LatestPage(
      std::function<std::string()> make, Clock clock = [] { return std::chrono::steady_clock::now(); })
      : make_(std::move(make)), clock_(std::move(clock)) {}

  std::string Text();

 private:
  const std::function<std::string()> make_;
  const Clock clock_;
  std::mutex mutex_;
  std::string text_;
  // When it was done, so that who waited for it need not make it anew.
  std::optional<std::chrono::steady_clock::time_point> made_at_;
};

}  // namespace billhook::http
