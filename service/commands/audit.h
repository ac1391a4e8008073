// The outermost step of the commands' chain: enters each in the audit log before it runs and closes it
// afterwards, so that it happens at most once however often it is sent and whenever its process dies. Where
// its idempotency key is known, the first answer comes back instead, once there is one. Thread safe; throws
// StorageError.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "service/bus/chain.h"
#include "service/clock.h"
#include "service/commands/command_call.h"

namespace billhook::commands {

class Audit {
 public:
  Audit(storage::Database& database, Clock clock, BusOptions options)
      : database_(database), clock_(std::move(clock)), options_(options), log_(database) {}

  // The step itself. The call's entry says who wants what; here it gets its ID, time and lease.
  Run Around(CommandCall& call, const bus::Next<CommandCall>& next);

  // Closes what processes that died have left pending; `all` also what seems to run still, for the one owner
  // of a database at its start.
  void CloseAbandoned(bool all = false);

  // Lets all who wait for a command in use go, now and from now on.
  void ReleaseWaiters();

  [[nodiscard]] CommandLog& log() { return log_; }
  // The events that the command caused, in order.
  std::vector<RecordedEvent> EventsOf(const std::string& tenant, const std::string& command_id);

 private:
  class Waiting;

  // Enters the command; where its key is known, the first answer instead, once there is one.
  std::optional<Answer> EnterOrAnswer(CommandEntry& entry);
  Answer AnswerOf(const CommandEntry& known);

  storage::Database& database_;
  Clock clock_;
  BusOptions options_;
  CommandLog log_;
  std::mutex mutex_;
  std::condition_variable closed_;
  std::size_t waiters_ = 0;
  bool released_ = false;
};

}  // namespace billhook::commands
