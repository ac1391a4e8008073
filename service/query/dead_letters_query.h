// The events that projections could not use. Thread safe; throws StorageError.
#pragma once

#include <string>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

// Of the generation that readers see, in order of position and projection, which are also the cursor's key.
constexpr std::size_t kDeadLetterKeyParts = 2;
Page ListDeadLetters(storage::Database& database, const std::string& tenant,
                     const std::optional<std::string>& projection, const PageRequest& request);

}  // namespace billhook::query
