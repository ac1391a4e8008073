// The file that holds the read models of a SQLite database, beside the log's. It says what log they were made
// from: the log's head as it was when they were last written.
#pragma once

#include <string>

#include "service/storage/sqlite/sqlite_connection.h"

namespace billhook::storage {

// The schema by which connections to the read models have the log.
inline constexpr const char* kLogSchema = "log";

// Its path, of that database's.
std::string ModelsFileOf(const std::string& database);

// Removes it, to be made again from the log, where it was not made from that log: another database, or an
// older backup, was put in its place. Also where it cannot be read. For the one process that owns both, and
// before any other use. Throws StorageError.
void RemoveModelsOfAnotherLog(const std::string& database);

// Says in the read models' transaction, as the last of it, what log they are made from.
void SealModels(SqliteConnection& models);

// The same in one that migrates them. If they hold nothing yet, and the version before has left read models
// in the log's file, these are taken over.
void TakeOverModels(SqliteConnection& models);

}  // namespace billhook::storage
