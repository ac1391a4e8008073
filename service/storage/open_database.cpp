#include "service/storage/open_database.h"

#include "service/storage/postgres/postgres_database.h"

namespace billhook::storage {

std::unique_ptr<Database> OpenDatabase(const std::string& url, std::size_t readers, Ownership ownership) {
  constexpr std::string_view kFile = "sqlite://";
  if (url == "sqlite::memory:") return std::make_unique<SqliteDatabase>(":memory:", readers, ownership);
  if (url.rfind(kFile, 0) == 0)
    return std::make_unique<SqliteDatabase>(url.substr(kFile.size()), readers, ownership);
  return std::make_unique<PostgresDatabase>(url, readers);
}

}  // namespace billhook::storage
