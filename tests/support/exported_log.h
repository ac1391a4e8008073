// The log as `billhook export` writes it.
#pragma once

#include <string>

#include "service/storage/sql.h"

namespace billhook::test {

// Fails the test where the log is not whole.
std::string ExportOf(storage::Database& database);

}  // namespace billhook::test
