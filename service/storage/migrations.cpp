#include "service/storage/migrations.h"

#include <algorithm>
#include <sstream>

#include "domain/event_store.h"
#include "domain/sha256.h"

namespace billhook::storage {
namespace {

constexpr const char* kCreateTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at "
    "BIGINT NOT NULL)";

// The applied migrations, held against the known ones.
std::vector<MigrationStatus> Compare(Session& session, const std::vector<Migration>& migrations) {
  const Rows applied =
      session.Query("SELECT name, checksum, applied_at FROM schema_migrations ORDER BY name");
  if (applied.size() > migrations.size()) {
    throw StorageError("the database is ahead of this binary (it has migration " +
                           applied.Text(applied.size() - 1, 0) + "); run the newer billhook",
                       false);
  }
  std::vector<MigrationStatus> statuses;
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    MigrationStatus status{migrations[i].name, i < applied.size(), 0};
    if (status.applied) {
      if (applied.Text(i, 0) != status.name || applied.Text(i, 1) != ToHex(Sha256({migrations[i].sql}))) {
        throw StorageError("migration " + applied.Text(i, 0) +
                               " was applied with another text than this binary's " + status.name +
                               "; run the billhook that made this database, or restore it",
                           false);
      }
      status.applied_at = applied.Int(i, 2);
    }
    statuses.push_back(std::move(status));
  }
  return statuses;
}

// The one part that cannot be made again from another.
DatabasePart NotDerived(const Database& database) {
  const std::vector<DatabasePart> parts = database.parts();
  return *std::find_if(parts.begin(), parts.end(), [](const DatabasePart& part) { return !part.derived; });
}

std::vector<std::string> MigratePart(Database& database, const DatabasePart& part,
                                     const std::vector<Migration>& migrations, UnixMicros now) {
  Database::Lease session = database.Acquire(part.writer);
  Transaction transaction(*session);
  session->BeginMigrating();
  session->ExecuteScript(kCreateTable);
  std::vector<std::string> done;
  const std::vector<MigrationStatus> statuses = Compare(*session, migrations);
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    if (statuses[i].applied) continue;
    try {
      session->ExecuteScript(SqlFor(part.schema, migrations[i].sql));
    } catch (const StorageError& error) {
      throw StorageError("migration " + migrations[i].name + " failed: " + error.what(), error.retryable());
    }
    session->Execute("INSERT INTO schema_migrations (name, checksum, applied_at) VALUES ($1, $2, $3)",
                     {migrations[i].name, ToHex(Sha256({migrations[i].sql})), now});
    done.push_back(migrations[i].name);
  }
  transaction.Commit();
  return done;
}

}  // namespace

const std::vector<Migration>& AllMigrations() {
  static const std::vector<Migration> kMigrations = {
#include "migration_files.inc"
  };
  return kMigrations;
}

std::string SqlFor(std::string_view schema, const std::string& sql) {
  std::istringstream lines(sql);
  std::string line;
  std::string part;
  bool wanted = true;
  while (std::getline(lines, line)) {
    if (line.rfind("-- @", 0) == 0) {
      const std::string_view section = std::string_view(line).substr(4);
      wanted = section == "both" || section == schema || schema.starts_with(std::string(section) + " ") ||
               (section == "models" && schema != "sqlite log");
    } else if (wanted) {
      part.append(line).append("\n");
    }
  }
  return part;
}

std::vector<MigrationStatus> StatusOf(Database& database, const std::vector<Migration>& migrations) {
  Database::Lease session = database.Acquire(NotDerived(database).writer);
  Transaction transaction(*session);
  session->BeginMigrating();
  session->ExecuteScript(kCreateTable);
  return Compare(*session, migrations);
}

std::vector<std::string> Migrate(Database& database, const std::vector<Migration>& migrations,
                                 UnixMicros now) {
  std::vector<std::string> done;
  for (const DatabasePart& part : database.parts()) {
    std::vector<std::string> in_part = MigratePart(database, part, migrations, now);
    if (!part.derived) done = std::move(in_part);
  }
  return done;
}

std::optional<std::string> RequireMigrated(Database& database, UnixMicros now) {
  for (const MigrationStatus& status : StatusOf(database, AllMigrations())) {
    if (!status.applied) return status.name;
  }
  for (const DatabasePart& part : database.parts()) {
    if (part.derived) MigratePart(database, part, AllMigrations(), now);
  }
  return std::nullopt;
}

}  // namespace billhook::storage
