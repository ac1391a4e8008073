// The read model `customer_timeline` on a branch. What an event tells, its row keeps; only the customer of
// one that names none depends on others. So the rows are the live ones of events up to the fork and those of
// the branch's own events, and customers are given anew, by the projection's code, to those that belong
// together with the rows that are asked for. Cost follows these and the branch's events, whose rows are kept
// for the next read. One thread; throws StorageError.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "projections/timeline_links.h"
#include "service/query/where.h"

namespace billhook::query {

class BranchTimeline {
 public:
  // `live` stands at the fork or behind it.
  BranchTimeline(storage::Session& session, LiveModel live, std::string tenant, storage::Timeline timeline);

  BranchTimeline(const BranchTimeline&) = delete;
  BranchTimeline& operator=(const BranchTimeline&) = delete;

  // The rows that concern the customer, in any order.
  std::vector<Row> RowsOf(const std::string& customer);
  // The rows with these keys that have a customer, by row key.
  std::map<std::string, Row> RowsAt(const std::vector<std::string>& row_keys);
  // At most `limit` keys of rows behind `after`, in order.
  std::vector<std::string> RowKeys(const std::string& after, std::size_t limit);
  // The IDs of all subscriptions that events name one of the customers for, and of some others.
  std::set<std::string> SubscriptionsOf(const std::vector<std::string>& customers);

 private:
  struct Told;
  using Rows = std::map<std::string, Row>;  // by row key

  Told Tell();
  // Adds the live rows of events up to the fork whose `column` has one of the values.
  void AddLive(std::string_view column, const std::vector<std::string>& values, Rows& rows);
  // Adds all that may tell the customer of the rows, whose families it begins with, and gives it.
  void GiveCustomers(Rows& rows);

  storage::Session& session_;
  LiveModel live_;
  std::string tenant_;
  storage::Timeline timeline_;
  std::shared_ptr<const Told> told_;  // by the branch's own events
};

}  // namespace billhook::query
