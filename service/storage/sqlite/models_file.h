// The file that holds the read models of a SQLite database, beside the log's.
#pragma once

#include <string>

namespace billhook::storage {

// Its path, of that database's.
std::string ModelsFileOf(const std::string& database);

// Removes it, to be made again from the log, where it was not made from that log: another database, or an
// older backup, was put in its place. Also where it cannot be read. For the one process that owns both, and
// before any other use. Throws StorageError.
void RemoveModelsOfAnotherLog(const std::string& database);

}  // namespace billhook::storage
