// A read model as key to value, whatever its tables look like. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

// How a projection's state reads as keys and values. The key of what belongs to a Connect account is
// "account/id".
struct StateView {
  std::string_view name;        // as asked for: a projection's name, or "active_subscriptions"
  std::string_view projection;  // whose tables it reads
  std::string_view table;
  std::string_view id;         // the column that names a row to callers
  std::string_view qualifier;  // SQL: what tells rows with one ID apart
  std::string_view value;      // the column with a JSON text or a number
  std::string_view condition;  // SQL, may be empty
};

// nullptr if no such state can be read.
const StateView* FindStateView(std::string_view name);

struct State {
  std::vector<std::pair<std::string, std::string>> entries;  // key, JSON text
  bool has_more = false;
  Key last;
  std::int64_t position = 0;
};

constexpr std::size_t kStateKeyParts = 2;
State ListState(storage::Database& database, const StateView& view, const std::string& tenant,
                const PageRequest& request, const storage::Timeline& timeline = {});

// The rows of one key: an ID alone, or a qualified one. At most two are looked for, since two are ambiguous
// already.
State FindState(storage::Database& database, const StateView& view, const std::string& tenant,
                const std::string& key, const storage::Timeline& timeline = {});

}  // namespace billhook::query
