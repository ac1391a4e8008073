// The payment ledger on a branch. What the branch's events touch (each object with all that books together
// with it) is computed from its events by the projection's own code, in memory; all else is what the live
// read model remembers of the moment of the fork. Cost follows the branch's events and the objects they
// touch, not the log, and what was computed last is kept for the next read. One thread; throws StorageError.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "service/query/scratch_model.h"
#include "service/query/where.h"

namespace billhook::query {

// An entry of the live read model as it stood at the fork.
struct EntryAtFork {
  std::string row_key;  // in ledger_entries
  std::string owner_key;
  std::string type;
  std::string source;
};

class BranchLedger {
 public:
  // What its entries are told on: as they stand, beside those of the fork; or each as it stood over the time
  // of what happened, beside those that live readers see.
  enum class Told { kNow, kOverTime };

  // `live` stands at the fork or behind it.
  BranchLedger(storage::Session& session, LiveModel live, std::string tenant, storage::Timeline timeline,
               Told told = Told::kNow);

  BranchLedger(const BranchLedger&) = delete;
  BranchLedger& operator=(const BranchLedger&) = delete;

  // Rows of ledger::kEntriesTable, or of kOccurredTable: what the touched objects book on the branch.
  [[nodiscard]] const std::map<std::string, Row>& entries() const { return touched_->entries; }
  // Owners whose entries in the live read model do not count on the branch.
  [[nodiscard]] const std::set<std::string>& replaced() const { return touched_->replaced; }
  // Told::kNow: the other owners' entries on the branch are those that stood at this time of recording.
  // Nothing: the fork lies before the first event, and there are none.
  [[nodiscard]] const std::optional<UnixMicros>& forked_at() const { return forked_at_; }

  // The bodies of such entries as of the fork, by row key.
  std::map<std::string, std::string> BodiesOf(const std::vector<EntryAtFork>& entries);

 private:
  struct Touched {
    std::map<std::string, Row> entries;
    std::set<std::string> replaced;
    [[nodiscard]] std::size_t size() const { return entries.size() + replaced.size(); }
  };

  // `last_behind`: the last event of the log behind the fork that the rows beside know of.
  Touched Compute(std::int64_t last_behind);
  [[nodiscard]] std::vector<std::int64_t> PositionsIn(const std::string& sql, storage::Parameters parameters);
  std::vector<std::int64_t> BookedByHand(const std::set<std::string>& ids);
  std::vector<std::int64_t> Families(std::set<std::string>& keys);

  storage::Session& session_;
  LiveModel live_;
  std::string tenant_;
  storage::Timeline timeline_;
  Told told_;
  std::optional<UnixMicros> forked_at_;
  std::shared_ptr<const Touched> touched_;
};

}  // namespace billhook::query
