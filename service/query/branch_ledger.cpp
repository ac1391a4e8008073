#include "service/query/branch_ledger.h"

#include <algorithm>

#include "domain/ledger.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "projections/payment_ledger/sightings.h"
#include "service/query/branch_memory.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

constexpr std::size_t kKeysAtATime = 1'000;

const PaymentLedger kProjection;
const std::vector<const Table*> kKept = {&ledger::kSightingsTable, &ledger::kEntriesTable};

// Adds the texts that the rows have in that column.
void AddTexts(const std::map<std::string, Row>& rows, const Table& table, std::string_view column,
              std::set<std::string>& texts) {
  const std::size_t at = table.IndexOf(column);
  for (const auto& [key, row] : rows) {
    if (const auto* text = std::get_if<std::string>(&row[at])) texts.insert(*text);
  }
}

// The objects that the events in the model tell of or name, and the owners of its entries.
void AddKeys(const ScratchModel& model, std::set<std::string>& keys) {
  const auto& sightings = model.RowsOf(ledger::kSightingsTable);
  AddTexts(sightings, ledger::kSightingsTable, "object_key", keys);
  AddTexts(sightings, ledger::kSightingsTable, "parent_key", keys);
  AddTexts(model.RowsOf(ledger::kEntriesTable), ledger::kEntriesTable, "owner_key", keys);
}

}  // namespace

BranchLedger::BranchLedger(storage::Session& session, LiveModel live, std::string tenant,
                           storage::Timeline timeline, Told told)
    : session_(session),
      live_(live),
      tenant_(std::move(tenant)),
      timeline_(std::move(timeline)),
      told_(told) {
  static BranchMemory<Touched> memory_of_now;
  static BranchMemory<Touched> memory_over_time;
  BranchMemory<Touched>& memory = told_ == Told::kNow ? memory_of_now : memory_over_time;
  const auto& [id, fork, head] = *timeline_.branch();
  std::int64_t last_behind = fork;
  const storage::Rows last = session_.Query("SELECT recorded_at FROM events WHERE position = $1", {fork});
  if (!last.empty()) {
    forked_at_ = last.Int(0, 0);
    // Events behind the fork may share its time of recording: what they touch was other at the fork.
    last_behind = storage::PositionAt(session_, live_.position, *forked_at_);
  }
  if (told_ == Told::kOverTime) last_behind = std::max(fork, live_.position);
  const BranchKey key = {id, {head, live_.generation, last_behind}};
  touched_ = memory.Find(key);
  if (touched_) return;
  touched_ = std::make_shared<const Touched>(Compute(last_behind));
  memory.Keep(key, touched_);
}

BranchLedger::Touched BranchLedger::Compute(std::int64_t last_behind) {
  const auto& [id, fork, head] = *timeline_.branch();
  Touched touched;
  const Table& shown = told_ == Told::kNow ? ledger::kEntriesTable : ledger::kOccurredTable;
  std::vector<const Table*> kept = kKept;
  if (told_ == Told::kOverTime) kept.push_back(&shown);
  ScratchModel model(session_, timeline_, kProjection, kept);
  // Who books an ID by hand first has booked it: the log's bookings come before the branch's. Of all else the
  // order does not matter.
  const storage::Rows by_hand = session_.Query(
      "SELECT DISTINCT aggregate_id FROM branch_events WHERE branch = $1 AND aggregate_type = $2 AND source "
      "<> 'stripe'",
      {id, std::string(ledger_commands::kAggregateType)});
  std::set<std::string> ids;
  for (std::size_t i = 0; i < by_hand.size(); ++i) ids.insert(by_hand.Text(i, 0));
  model.ApplyAt(BookedByHand(ids));
  model.ApplyAt(
      PositionsIn("SELECT position FROM branch_events WHERE branch = $1 AND position <= $2", {id, head}));
  AddKeys(model, touched.replaced);

  if (last_behind > fork) {
    const storage::Timeline log;
    ScratchModel behind(session_, log, kProjection, kKept);
    behind.ApplyAt(
        PositionsIn("SELECT position FROM events WHERE position > $1 AND position <= $2 AND tenant = $3",
                    {fork, last_behind, tenant_}));
    AddKeys(behind, touched.replaced);
    std::set<std::string> by_hand_behind;
    AddTexts(behind.RowsOf(ledger::kEntriesTable), ledger::kEntriesTable, "source", by_hand_behind);
    model.ApplyAt(BookedByHand(by_hand_behind));
  }
  model.ApplyAt(Families(touched.replaced));
  touched.entries = model.RowsOf(shown);
  return touched;
}

std::vector<std::int64_t> BranchLedger::PositionsIn(const std::string& sql, storage::Parameters parameters) {
  const storage::Rows rows = session_.Query(sql, parameters);
  std::vector<std::int64_t> positions;
  for (std::size_t i = 0; i < rows.size(); ++i) positions.push_back(rows.Int(i, 0));
  return positions;
}

// The log's bookings by hand up to the fork under these IDs.
std::vector<std::int64_t> BranchLedger::BookedByHand(const std::set<std::string>& ids) {
  storage::PairList pairs;
  for (const std::string& id : ids) pairs.emplace_back(id, "");
  if (pairs.empty()) return {};
  return PositionsIn(
      "SELECT e.position FROM PAIRS($1) CROSS JOIN events e WHERE e.tenant = $2 AND e.aggregate_id = a AND "
      "e.aggregate_type = $3 AND e.source <> 'stripe' AND e.position + 0 <= $4",
      {pairs, tenant_, std::string(ledger_commands::kAggregateType), timeline_.branch()->fork});
}

// Adds to `keys` all that belongs together with them at the fork; the events that tell of these.
std::vector<std::int64_t> BranchLedger::Families(std::set<std::string>& keys) {
  std::set<std::int64_t> positions;
  std::vector<std::string> frontier(keys.begin(), keys.end());
  const auto reach = [&](const std::string& key, std::vector<std::string>& next) {
    if (keys.insert(key).second) next.push_back(key);
  };
  while (!frontier.empty()) {
    std::vector<std::string> next;
    for (std::size_t begin = 0; begin < frontier.size(); begin += kKeysAtATime) {
      storage::PairList pairs;
      for (std::size_t i = begin; i < std::min(begin + kKeysAtATime, frontier.size()); ++i)
        pairs.emplace_back(frontier[i], "");
      for (const char* column : {"object_key", "parent_key"}) {
        const storage::Rows rows = session_.Query(
            "SELECT s.object_key, s.parent_key, s.position FROM PAIRS($1) CROSS JOIN ledger_sightings s "
            "WHERE s.generation = $2 AND s." +
                std::string(column) + " = a AND s.position <= $3",
            {pairs, live_.generation, timeline_.branch()->fork});
        for (std::size_t i = 0; i < rows.size(); ++i) {
          reach(rows.Text(i, 0), next);
          if (!rows.IsNull(i, 1)) reach(rows.Text(i, 1), next);
          positions.insert(rows.Int(i, 2));
        }
      }
    }
    frontier = std::move(next);
  }
  return {positions.begin(), positions.end()};
}

std::map<std::string, std::string> BranchLedger::BodiesOf(const std::vector<EntryAtFork>& entries) {
  std::set<std::string> owners;
  std::set<std::string> by_hand;
  for (const EntryAtFork& entry : entries) {
    owners.insert(entry.owner_key);
    if (entry.type == "manual_payment" || entry.type == "adjustment") by_hand.insert(entry.source);
  }
  ScratchModel model(session_, timeline_, kProjection, kKept);
  model.ApplyAt(BookedByHand(by_hand));
  model.ApplyAt(Families(owners));
  const std::map<std::string, Row>& rows = model.RowsOf(ledger::kEntriesTable);
  const std::size_t body = ledger::kEntriesTable.IndexOf("body");
  std::map<std::string, std::string> bodies;
  for (const EntryAtFork& entry : entries) {
    const auto row = rows.find(entry.row_key);
    // After an update, until its rebuild is through, the live read model is one of another version.
    if (row == rows.end()) throw StorageError("the ledger's read model is about to be replaced", true);
    bodies.emplace(entry.row_key, std::get<std::string>(row->second[body]));
  }
  return bodies;
}

}  // namespace billhook::query
