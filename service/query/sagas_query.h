// Reads of sagas: the list from the read model `sagas`, which also knows whose time has come. One saga is its
// stream, see service/sagas/saga_log.h. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/time.h"
#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

struct SagaFilter {
  std::string tenant;
  std::optional<std::string> saga_type{};
  std::optional<std::string> status{};
};
// In order of ID.
constexpr std::size_t kSagaKeyParts = 2;
Page ListSagas(storage::Database& database, const SagaFilter& filter, const PageRequest& request);

struct DueSaga {
  std::string tenant;
  std::string id;
  UnixMicros due_at = 0;
  std::string row_key;
};
// The sagas to be looked after by `now`: at most `limit`, the longest due first, those behind `after` alone
// where it is given.
std::vector<DueSaga> DueSagas(storage::Database& database, UnixMicros now,
                              const std::optional<DueSaga>& after, std::size_t limit);

}  // namespace billhook::query
