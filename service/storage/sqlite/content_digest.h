// ContentDigest (domain/event.h) as a function of SQLite's.
#pragma once

#include <string>

#include <sqlite3.h>

namespace billhook::storage {

// Makes the function known to a connection: SQLite's code.
int AddContentDigest(sqlite3* connection);

// A call of it with the columns of events: 64 hexadecimal digits; NULL for a row that billhook never writes.
std::string ContentDigestCall();

}  // namespace billhook::storage
