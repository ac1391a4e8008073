#include "service/storage/sqlite/models_file.h"

#include <filesystem>
#include <system_error>

#include "domain/event_store.h"
#include "service/log.h"
#include "service/storage/sqlite/sqlite_connection.h"

namespace billhook::storage {
namespace {

constexpr int kCacheKib = 64;

bool HasTable(SqliteConnection& connection, const std::string& schema, const std::string& table) {
  return !connection
              .Query("SELECT 1 FROM " + schema + ".sqlite_master WHERE type = 'table' AND name = $1", {table})
              .empty();
}

// Whether each checkpoint names an event that stands at its place in the log.
bool ComeFrom(const std::string& models, const std::string& log) {
  SqliteConnection connection(models, kCacheKib);
  connection.Attach(log, "log", kCacheKib, false);
  if (!HasTable(connection, "main", "checkpoints")) return true;  // they hold nothing yet
  const std::string known = HasTable(connection, "log", "events")
                                ? "SELECT 1 FROM log.events e WHERE e.position = c.position AND e.checksum "
                                  "= c.checksum"
                                : "SELECT 1 WHERE 0";
  return connection
      .Query("SELECT 1 FROM main.checkpoints c WHERE c.position > 0 AND NOT EXISTS (" + known + ") LIMIT 1",
             {})
      .empty();
}

}  // namespace

std::string ModelsFileOf(const std::string& database) {
  return database + "-models";
}

void RemoveModelsOfAnotherLog(const std::string& database) {
  const std::string models = ModelsFileOf(database);
  std::string why = "they come from another log";
  try {
    if (ComeFrom(models, database)) return;
  } catch (const StorageError& error) {
    if (error.retryable()) throw;
    why = error.what();
  }
  log::Warn("the read models are made again from the log", {{"file", models}, {"why", why}});
  for (const char* end : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::remove(models + end, error);
    if (error) throw StorageError("cannot remove " + models + end + ": " + error.message(), false);
  }
}

}  // namespace billhook::storage
