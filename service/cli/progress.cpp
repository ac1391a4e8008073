#include "service/cli/progress.h"

#include <cstdio>
#include <string>

#include <unistd.h>

namespace billhook::cli {
namespace {

constexpr std::chrono::milliseconds kTerminalPause{100};
constexpr std::chrono::seconds kLinePause{2};
constexpr int kBarWidth = 30;

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      next_(start_) {}

Progress::~Progress() {
  if (terminal_ && shown_) std::fputc('\n', stderr);
}

void Progress::Show(std::int64_t done, std::int64_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_ && (done < total || total == kUnknown)) return;
  next_ =
      now + (terminal_ ? std::chrono::duration_cast<std::chrono::nanoseconds>(kTerminalPause) : kLinePause);
  if (!shown_) done_before_ = done;
  shown_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(done - done_before_) / seconds : 0;
  if (total == kUnknown) {
    std::fprintf(stderr, "%s%s %lld, %.0f/s%s", terminal_ ? "\r" : "", what_.c_str(),
                 static_cast<long long>(done), rate, terminal_ ? " " : "\n");
    std::fflush(stderr);
    return;
  }
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  std::string bar(static_cast<std::size_t>(share * kBarWidth), '#');
  bar.resize(kBarWidth, '.');
  std::string left;
  if (rate > 0)
    left = ", " + std::to_string(static_cast<std::int64_t>(static_cast<double>(total - done) / rate)) +
           " s left";
  std::fprintf(stderr, "%s%s [%s] %3d%% %lld of %lld, %.0f/s%s%s", terminal_ ? "\r" : "", what_.c_str(),
               bar.c_str(), static_cast<int>(share * 100), static_cast<long long>(done),
               static_cast<long long>(total), rate, left.c_str(), terminal_ ? "  " : "\n");
  std::fflush(stderr);
}

}  // namespace billhook::cli
