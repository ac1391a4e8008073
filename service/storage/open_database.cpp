#include "service/storage/open_database.h"

#include "service/storage/postgres/postgres_database.h"

namespace billhook::storage {

std::unique_ptr<Database> OpenDatabase(const std::string& url, std::size_t readers, Ownership ownership) {
  if (url == "sqlite::memory:") return std::make_unique<SqliteDatabase>(":memory:", readers, ownership);
  if (const std::optional<std::string> path = SqliteFileOf(url))
    return std::make_unique<SqliteDatabase>(*path, readers, ownership);
  return std::make_unique<PostgresDatabase>(url, readers);
}

std::optional<std::string> SqliteFileOf(const std::string& url) {
  constexpr std::string_view kFile = "sqlite://";
  if (url.rfind(kFile, 0) != 0) return std::nullopt;
  return url.substr(kFile.size());
}

}  // namespace billhook::storage
