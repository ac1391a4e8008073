// The right of one process among all to follow the log under a name, until the end of the scope, and how far
// that has come: a row of checkpoints whose generation is 1. On PostgreSQL a transaction holds it, so that it
// ends with the process however that dies; SQLite belongs to one process anyway. For one thread; throws
// StorageError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "service/storage/sql.h"

namespace billhook::storage {

// Reads, of the name $1, up to where the log is dealt with, and whose log that is (Session::ServerSql).
std::string TurnSql(const Session& session);

class Turn {
 public:
  // Does not wait. The name must have its row.
  Turn(Database& database, std::string name);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // False if another process has it.
  [[nodiscard]] bool mine() const { return mine_; }
  // Up to here the log is dealt with.
  [[nodiscard]] std::int64_t position() const { return position_; }
  [[nodiscard]] const std::string& server() const { return server_; }
  // Notes that it is dealt with up to there, and ends the turn.
  void Finish(std::int64_t position);

 private:
  Database& database_;
  std::string name_;
  std::optional<Database::Lease> session_;
  std::optional<Transaction> transaction_;
  bool mine_ = false;
  std::int64_t position_ = 0;
  std::string server_;
};

}  // namespace billhook::storage
