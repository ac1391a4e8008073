// The events that projections could not use. Thread safe; throws StorageError.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

// Of the generation that readers see, in order of position and projection, which are also the cursor's key.
constexpr std::size_t kDeadLetterKeyParts = 2;
Page ListDeadLetters(storage::Database& database, const std::string& tenant,
                     const std::optional<std::string>& projection, const PageRequest& request);

// How many of the tenant's events the projection could not use.
std::int64_t CountDeadLetters(storage::Database& database, const std::string& tenant,
                              const std::string& projection);

// A dead letter's ID: "projection:position".
struct DeadLetterId {
  std::string projection;
  std::int64_t position = 0;
};
std::optional<DeadLetterId> ParseDeadLetterId(std::string_view id);

// The dead letter as the list shows it, or nothing.
std::optional<std::string> FindDeadLetter(storage::Database& database, const std::string& tenant,
                                          const DeadLetterId& id);

}  // namespace billhook::query
