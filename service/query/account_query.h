// Reads of the read model `account_balance`. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>

#include "service/storage/timeline.h"

namespace billhook::query {

struct Account {
  std::string body;  // JSON text
  std::int64_t position = 0;
};

std::optional<Account> FindAccount(storage::Database& database, const std::string& tenant,
                                   const std::string& id, const storage::Timeline& timeline = {});

}  // namespace billhook::query
