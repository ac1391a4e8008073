// Loads our own aggregates: from their latest snapshot, where there is one, and the events after it. Thread
// safe; throws StorageError.
#pragma once

#include <string>

#include "domain/json.h"
#include "service/storage/sql.h"

namespace billhook::commands {

struct Aggregate {
  Json state;                // null before its first event
  std::int64_t version = 0;  // of the stream
};

// The state of an aggregate whose type has rules (domain/aggregates.h), over all events of its stream.
Aggregate Load(storage::Database& database, const std::string& tenant, const std::string& aggregate_type,
               const std::string& aggregate_id);

}  // namespace billhook::commands
