// The read model `revenue` on a branch: the movements of the subscriptions of which the branch or the main
// log behind the fork tells are computed from their streams on the branch, by the projection's code; all
// others' are the live ones. What is computed is kept: a later read computes what the log has told of
// meanwhile. One thread, in a transaction that reads; throws StorageError.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "service/query/where.h"

namespace billhook::query {

class BranchRevenue {
 public:
  // `live` stands at the fork or behind it.
  BranchRevenue(storage::Session& session, LiveModel live, std::string tenant, storage::Timeline timeline);

  // Rows of Revenue::kMovementsTable: what the subscriptions that were computed move.
  [[nodiscard]] const std::vector<Row>& movements() const { return told_->movements; }
  // The live movements of the same subscriptions: they do not count on the branch.
  [[nodiscard]] std::vector<Row> Replaced() const;

 private:
  struct Told {
    std::int64_t through = 0;   // the position of the log up to which it was looked at
    std::set<std::string> ids;  // of the subscriptions that were computed
    std::vector<Row> movements;
    [[nodiscard]] std::size_t size() const { return ids.size() + movements.size(); }
  };

  // The subscriptions of which the log tells behind `from`, and the branch.
  std::set<std::string> ToldBehind(std::int64_t from);
  void Compute(const std::set<std::string>& ids, Told& told);

  storage::Session& session_;
  LiveModel live_;
  std::string tenant_;
  storage::Timeline timeline_;
  std::shared_ptr<const Told> told_;
};

}  // namespace billhook::query
