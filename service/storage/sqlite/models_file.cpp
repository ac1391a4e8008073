#include "service/storage/sqlite/models_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>

#include "domain/event_store.h"
#include "service/log.h"

namespace billhook::storage {
namespace {

constexpr int kCacheKib = 64;
constexpr const char* kLastInOneFile = "0012_backfill";  // migration

bool HasTable(SqliteConnection& connection, const std::string& schema, const std::string& table) {
  const Rows rows = connection.Query(
      "SELECT 1 FROM " + schema + ".sqlite_master WHERE type = 'table' AND name = $1", {table});
  return !rows.empty();
}

// The log's last event when the read models were last written.
struct Seal {
  std::int64_t position = 0;
  std::string checksum;
};

// Nothing where they hold nothing yet.
std::optional<Seal> SealOf(const std::string& models) {
  SqliteConnection connection(models, kCacheKib);
  if (!HasTable(connection, "main", "made_from")) return std::nullopt;
  const Rows seal = connection.Query("SELECT position, checksum FROM made_from", {});
  return seal.Int(0, 0) == 0 ? std::nullopt : std::optional(Seal{seal.Int(0, 0), seal.Text(0, 1)});
}

bool Holds(const std::string& log, const Seal& seal) {
  SqliteConnection connection(log, kCacheKib);
  if (!HasTable(connection, "main", "events")) return false;
  const Rows event = connection.Query("SELECT 1 FROM events WHERE position = $1 AND checksum = $2",
                                      {seal.position, seal.checksum});
  return !event.empty();
}

std::optional<std::string> LastMigrationOfLog(SqliteConnection& models) {
  if (!HasTable(models, kLogSchema, "schema_migrations")) return std::nullopt;
  return models.Query("SELECT max(name) FROM log.schema_migrations", {}).OptionalText(0, 0);
}

// Whether the version before has read models in the log's file, and there are none here. Copying is up to the
// tables being alike, column by column: a migration that changes one ends it.
bool LieWithTheLog(SqliteConnection& models) {
  return LastMigrationOfLog(models) == kLastInOneFile &&
         models.Query("SELECT 1 FROM main.projections", {}).empty();
}

void CopyFromLog(SqliteConnection& models) {
  const Rows tables = models.Query(
      "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> 'schema_migrations' AND name IN "
      "(SELECT name FROM log.sqlite_master WHERE type = 'table')",
      {});
  for (std::size_t i = 0; i < tables.size(); ++i)
    models.Execute("INSERT INTO main." + tables.Text(i, 0) + " SELECT * FROM log." + tables.Text(i, 0), {});
  // Sagas and brokers stay with the log.
  models.ExecuteScript(
      "DELETE FROM main.projections WHERE name = 'saga_runtime'; "
      "DELETE FROM main.checkpoints WHERE projection NOT IN (SELECT name FROM main.projections)");
}

void WarnOfMaking(const std::string& why) {
  log::Warn("the read models are made again from the log", {{"why", why}});
}

}  // namespace

std::string ModelsFileOf(const std::string& database) {
  return database + "-models";
}

void RemoveModelsOfAnotherLog(const std::string& database) {
  const std::string models = ModelsFileOf(database);
  std::optional<Seal> seal;
  std::string why = "they come from another log";
  try {
    seal = SealOf(models);
    if (!seal) return;
  } catch (const StorageError& error) {
    if (error.retryable()) throw;
    why = error.what();
  }
  if (seal && Holds(database, *seal)) return;
  WarnOfMaking(why);
  for (const char* end : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::remove(models + end, error);
    if (error) throw StorageError("cannot remove " + models + end + ": " + error.message(), false);
  }
}

void SealModels(SqliteConnection& models) {
  models.Execute("UPDATE made_from SET (position, checksum) = (SELECT position, checksum FROM log.log_head)",
                 {});
}

void TakeOverModels(SqliteConnection& models) {
  if (!HasTable(models, "main", "made_from")) return;  // there is more to migrate
  if (LieWithTheLog(models)) {
    models.ExecuteScript("SAVEPOINT copying");
    try {
      CopyFromLog(models);
    } catch (const StorageError& error) {
      if (error.retryable()) throw;
      WarnOfMaking(error.what());
      models.ExecuteScript("ROLLBACK TO copying");
    }
    models.ExecuteScript("RELEASE copying");
  }
  if (HasTable(models, kLogSchema, "log_head")) SealModels(models);
}

}  // namespace billhook::storage
