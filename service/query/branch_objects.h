// Read models on a branch whose rows each come of one stream alone: Stripe's objects, our own aggregates. A
// row of whose stream neither the branch nor the main log behind the fork tells is read from the live rows;
// any other is computed from its stream on the branch, by the projection's code. One thread; throws
// StorageError.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/projection.h"
#include "service/query/as_of.h"
#include "service/query/page.h"
#include "service/query/where.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct BranchObjects {
  const Projection& projection;
  const Table& table;               // has a row_key, a tenant and an id, which is the stream's
  std::string_view aggregate_type;  // under which the log has their streams
  LiveModel live;                   // not before the fork
  std::string tenant;
  storage::Timeline timeline;   // a branch
  std::optional<AsOf> as_of{};  // as if only the events up to then had ever come
  bool stripe = true;           // whether Stripe tells of them, or we do
};

// The rows of the objects with these IDs, in order of row key.
std::vector<Row> RowsOf(storage::Session& session, const BranchObjects& objects,
                        const std::vector<std::string>& ids);

// The first `limit` rows behind `after` that `wanted` lets through, in order of ID and row key, which are the
// cursor's key. It looks at kMaxObjectsLookedAt objects at most: it may end early, with a cursor to go on
// with.
constexpr std::size_t kMaxObjectsLookedAt = 2'000;
struct ListedRows {
  std::vector<Row> rows;
  std::optional<Key> go_on;  // nothing: these are all that there are
};
ListedRows ListRows(storage::Session& session, const BranchObjects& objects,
                    const std::function<bool(const Row&)>& wanted, const Key& after, std::size_t limit);
// The same as a page of their bodies.
Page ListObjects(storage::Session& session, const BranchObjects& objects,
                 const std::function<bool(const Row&)>& wanted, const PageRequest& request);
// The same of the objects with one ID.
Page FindObjects(storage::Session& session, const BranchObjects& objects, const std::string& id,
                 const std::function<bool(const Row&)>& wanted);

// The row's text in that column.
const std::string& TextIn(const Table& table, const Row& row, std::string_view column);

// Whether the row has that value in the column, where one is asked for.
template <typename T>
bool Has(const Table& table, const Row& row, std::string_view column, const std::optional<T>& value) {
  if (!value) return true;
  const Cell& cell = row[table.IndexOf(column)];
  if constexpr (std::is_same_v<T, bool>) {
    return cell == Cell(std::int64_t{*value});
  } else {
    return cell == Cell(*value);
  }
}

}  // namespace billhook::query
