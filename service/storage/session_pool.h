// A bounded pool of sessions for each purpose. A session that is no longer usable is dropped when it comes
// back or would be handed out; a new one is opened when needed, with a back-off after failures so that an
// absent database is not hammered. Thread safe.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "service/storage/sql.h"

namespace billhook::storage {

class SessionPool {
 public:
  using Open = std::function<std::unique_ptr<Session>(Purpose)>;

  // At most `limits[purpose]` sessions at a time for each purpose; `open` may throw StorageError.
  SessionPool(std::array<std::size_t, kPurposes> limits, Open open)
      : limits_(limits), open_(std::move(open)) {}

  // Throws StorageError if none comes free, or none can be opened, within kAcquireTimeout.
  std::unique_ptr<Session> Acquire(Purpose purpose);
  void GiveBack(Purpose purpose, std::unique_ptr<Session> session);
  SessionUse UseOf(Purpose purpose);
  // Closes all idle sessions.
  void Clear();

  static constexpr std::chrono::seconds kAcquireTimeout{5};
  static constexpr std::chrono::milliseconds kFirstBackOff{50};
  static constexpr std::chrono::milliseconds kLongestBackOff{2'000};

 private:
  struct Side {
    std::vector<std::unique_ptr<Session>> idle;
    std::size_t leased = 0;
  };

  void NoteFailure();

  std::array<std::size_t, kPurposes> limits_;
  Open open_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::array<Side, kPurposes> sides_;
  std::chrono::milliseconds back_off_{0};
  std::chrono::steady_clock::time_point no_open_before_{};
};

}  // namespace billhook::storage
