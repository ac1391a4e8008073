// Follows the log for the events that sagas react to. One process at a time has its turn at a stretch of the
// log, and what it has dealt with is noted durably, so that each event is reacted to after a crash too, at
// least once: reactions are idempotent. Stretches without such events cost neither a turn nor a write. A
// Follower is for one thread; throws StorageError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "service/sagas/saga_log.h"
#include "service/storage/log_tail.h"
#include "service/storage/sql.h"

namespace billhook::sagas {

// An event that sagas react to, in short.
struct Trigger {
  std::int64_t position = 0;
  std::optional<SagaKey> started;     // a saga that started; nothing: Stripe's news of an invoice
  std::optional<RecordedEvent> news;  // these, where they need not be read any more
};

// Whose turn it is to act for sagas; see the migration.
constexpr const char* kTurnName = "saga_runtime";

struct Stretch {
  std::string server;  // whose log it is of
  std::vector<Trigger> triggers;
  std::int64_t end = 0;  // looked through up to here
  bool at_head = false;  // the log ends there
};

class Follower {
 public:
  Follower(storage::Database& database, storage::LogTail& tail) : database_(database), tail_(tail) {}

  // The next stretch of the log.
  Stretch Look();
  // It was dealt with, by this process or another; `noted`: the turn has saved that.
  void Pass(const Stretch& stretch, bool noted);

 private:
  // Its first triggers, from what this process knows of the log's end; false if that is not enough.
  bool Remember(Stretch& stretch) const;
  // The same from the database.
  void Read(storage::Session& session, Stretch& stretch) const;

  storage::Database& database_;
  storage::LogTail& tail_;
  std::optional<std::string> server_;  // of whose log that is known; nothing: none yet
  std::int64_t position_ = 0;
  std::int64_t saved_ = 0;  // as the database knows it
};

}  // namespace billhook::sagas
