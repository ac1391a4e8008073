// Hears what other processes announce on the same database (LISTEN), on a thread and a connection of its own,
// which is opened again with a back-off, through several hosts of the URL too. Whether anything arrives is
// not believed but tried: now and then another session announces something to us alone. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <libpq-fe.h>

#include "service/storage/announcement.h"

namespace billhook::storage {

// The channel's name as an SQL expression: billhooks in different schemas of one database do not hear each
// other.
extern const char* const kChannelSql;

class PostgresListener {
 public:
  // Sends a text to the channel from another session; may throw StorageError.
  using Send = std::function<void(const std::string& text)>;

  // Starts the thread, on which all callbacks run. Texts that begin with `sender` are our own.
  PostgresListener(std::string url, std::string sender, Send send, OnHeard on_heard, OnHearing on_hearing);
  ~PostgresListener();
  PostgresListener(const PostgresListener&) = delete;
  PostgresListener& operator=(const PostgresListener&) = delete;

  [[nodiscard]] Hearing hearing() const { return hearing_; }

 private:
  using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
  using Clock = std::chrono::steady_clock;

  void Run();
  Connection Connect();
  // Until Stop; throws StorageError when nothing can be heard any more.
  void Follow(PGconn* connection);
  void Take(std::string_view text);
  void SetHearing(Hearing hearing, const std::string& why);
  // Until the connection has something to read, Stop is called, or the time has come; false when stopping.
  bool Wait(int socket, Clock::time_point until);

  std::string url_;
  std::string sender_;
  Send send_;
  OnHeard on_heard_;
  OnHearing on_hearing_;
  std::atomic<Hearing> hearing_{Hearing::kBroken};
  bool told_ = false;         // whether on_hearing_ was ever called
  bool trial_heard_ = false;  // since the last one was sent
  std::chrono::milliseconds back_off_{0};
  int stop_ = -1;  // an eventfd that becomes readable
  std::thread thread_;
};

}  // namespace billhook::storage
