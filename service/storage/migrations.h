// Numbered, forward-only migrations, applied once, in order, in one transaction for each part of the
// database, under a lock, with checksums: a migration that was applied with another text is an error, and so
// is a database that is ahead of this binary. Their texts live in the folder migrations/ and travel in the
// binary.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/time.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// The text is in sections: "-- @both", "-- @sqlite" and "-- @postgresql" stand in front of what these engines
// get, "-- @sqlite log" and "-- @sqlite models" in front of what one of SQLite's two files gets, "-- @models"
// in front of what is for read models, wherever they lie.
struct Migration {
  std::string name;  // "0001_event_log"
  std::string sql;
};

// All of this binary's migrations in order.
const std::vector<Migration>& AllMigrations();

// What a part of a database gets of the text: what is for both engines, for its own, and for it alone.
std::string SqlFor(std::string_view schema, const std::string& sql);

struct MigrationStatus {
  std::string name;
  bool applied = false;
  UnixMicros applied_at = 0;
};

// Where the database stands, but for what can be made again. Throws StorageError as Migrate does.
std::vector<MigrationStatus> StatusOf(Database& database, const std::vector<Migration>& migrations);

// Applies what is missing; the names of what was applied. Throws StorageError that names the migration at
// fault.
std::vector<std::string> Migrate(Database& database, const std::vector<Migration>& migrations,
                                 UnixMicros now);

// Where nobody is to migrate: the first of this binary's migrations that the database lacks; nothing if it
// has all. What can be made again has them then, too.
std::optional<std::string> RequireMigrated(Database& database, UnixMicros now);

}  // namespace billhook::storage
