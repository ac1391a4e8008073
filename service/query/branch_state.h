// The state of a read model on a branch, as state_query.h tells it of the main log. One thread, in a
// transaction that reads; throws StorageError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/query/state_query.h"

namespace billhook::query {

struct StateRow {
  Key key;  // its ID, and what tells rows of one ID apart
  std::string qualified;
  std::string value;  // JSON text
};

struct StateRows {
  std::vector<StateRow> rows;
  std::optional<Key> go_on;  // where to go on behind rows that do not fill a page
  std::int64_t position = 0;
};

struct TimelineOf {
  std::string tenant;
  storage::Timeline timeline;  // a branch
};

// The page's rows and, where there is one, the row behind them; with `key` those that it names.
StateRows StateOnBranch(storage::Session& session, const StateView& view, const TimelineOf& branch,
                        const PageRequest& request, const std::optional<std::string>& key);

}  // namespace billhook::query
