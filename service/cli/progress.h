// A progress line on standard error: rewritten in place on a terminal, otherwise one line every two seconds.
// One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace billhook::cli {

class Progress {
 public:
  explicit Progress(std::string what);
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // A total that nobody knows yet.
  static constexpr std::int64_t kUnknown = -1;

  void Show(std::int64_t done, std::int64_t total);

 private:
  std::string what_;
  bool terminal_;
  bool shown_ = false;
  std::int64_t done_before_ = 0;  // when it was first shown
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace billhook::cli
