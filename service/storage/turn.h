// The right of one process among all to follow the log under a name, until the end of the scope, and how far
// that has come: a row of `followers`. On PostgreSQL a transaction holds it, so that it ends with the process
// however that dies; SQLite belongs to one process anyway.
// For one thread; throws StorageError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "service/storage/sql.h"

namespace billhook::storage {

// How far the log is followed under a name.
struct Followed {
  std::int64_t position = 0;  // dealt with up to here
  std::int64_t head = 0;      // of the log
  std::string server;         // whose log it is: Session::ServerSql
};
// The name must have its row.
Followed FollowedBy(Session& session, const std::string& name);

class Turn {
 public:
  // Does not wait. The name must have its row.
  Turn(Database& database, std::string name);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // False if another process has it.
  [[nodiscard]] bool mine() const { return mine_; }
  // As it was when the turn began; of no meaning if that is another's.
  [[nodiscard]] const Followed& followed() const { return followed_; }
  // Notes that it is dealt with up to there, and ends the turn.
  void Finish(std::int64_t position);

 private:
  Database& database_;
  std::string name_;
  std::optional<Database::Lease> session_;
  std::optional<Transaction> transaction_;
  bool mine_ = false;
  Followed followed_;
};

}  // namespace billhook::storage
