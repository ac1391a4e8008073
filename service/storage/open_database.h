// From DATABASE_URL to a database: the one place that knows which engines there are.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "service/storage/sqlite/sqlite_database.h"

namespace billhook::storage {

// `url` as ReadConfig accepts it; `readers` sessions for reads. Throws StorageError. PostgreSQL is connected
// to on first use, and knows no ownership.
std::unique_ptr<Database> OpenDatabase(const std::string& url, std::size_t readers, Ownership ownership);

// The path of the file that the URL names; nothing where it names none.
std::optional<std::string> SqliteFileOf(const std::string& url);

}  // namespace billhook::storage
