// Follows the log for the events that sagas react to. One process at a time has its turn at a stretch of the
// log, and what it has dealt with is noted durably, so that each event is reacted to after a crash too, at
// least once: reactions are idempotent. Stretches without such events cost neither a turn nor a write. A
// Follower is for one thread; throws StorageError.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "service/sagas/saga_log.h"
#include "service/storage/sql.h"

namespace billhook::sagas {

// An event that sagas react to, in short.
struct Trigger {
  std::int64_t position = 0;
  std::optional<SagaKey> started;  // a saga that started; nothing: Stripe's news of an invoice
};

struct Stretch {
  std::vector<Trigger> triggers;
  std::int64_t end = 0;  // looked through up to here
  bool at_head = false;  // the log ends there
};

class Follower {
 public:
  explicit Follower(storage::Database& database) : database_(database) {}

  // The next stretch of the log.
  Stretch Look();
  // It was dealt with, by this process or another.
  void Pass(const Stretch& stretch);

 private:
  storage::Database& database_;
  std::int64_t position_ = -1;  // -1: not known yet
  std::int64_t saved_ = 0;      // as the database knows it
};

// The right to act for sagas, of all processes, until the end of the scope. On PostgreSQL a transaction holds
// it; SQLite belongs to one process anyway.
class Turn {
 public:
  // Does not wait.
  explicit Turn(storage::Database& database);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // False if another process has it.
  [[nodiscard]] bool mine() const { return mine_; }
  // Up to here the log is dealt with.
  [[nodiscard]] std::int64_t position() const { return position_; }
  // Notes that it is dealt with up to there, and ends the turn.
  void Finish(std::int64_t position);

 private:
  storage::Database& database_;
  std::optional<storage::Database::Lease> session_;
  std::optional<storage::Transaction> transaction_;
  bool mine_ = false;
  std::int64_t position_ = 0;
};

}  // namespace billhook::sagas
