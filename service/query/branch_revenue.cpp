#include "service/query/branch_revenue.h"

#include <algorithm>

#include "projections/revenue/revenue.h"
#include "service/query/branch_memory.h"
#include "service/query/scratch_model.h"

namespace billhook::query {
namespace {

constexpr std::size_t kIdsAtATime = 1'000;

const Revenue kProjection;

// Calls `act(pairs)` for the IDs, some at a time.
template <typename Act>
void InParts(const std::set<std::string>& ids, Act act) {
  for (auto id = ids.begin(); id != ids.end();) {
    storage::PairList pairs;
    for (; id != ids.end() && pairs.size() < kIdsAtATime; ++id) pairs.emplace_back(*id, "");
    act(pairs);
  }
}

}  // namespace

BranchRevenue::BranchRevenue(storage::Session& session, LiveModel live, std::string tenant,
                             storage::Timeline timeline)
    : session_(session), live_(live), tenant_(std::move(tenant)), timeline_(std::move(timeline)) {
  static BranchMemory<Told> memory;
  const auto& [id, fork, head] = *timeline_.branch();
  const BranchKey key = {id, {head}};
  told_ = memory.Find(key);
  if (told_ && told_->through >= live_.position) return;
  Told told = told_ ? *told_ : Told{fork, {}, {}};
  std::set<std::string> ids = ToldBehind(told.through);
  std::erase_if(ids, [&told](const std::string& known) { return told.ids.count(known) == 1; });
  Compute(ids, told);
  told.ids.merge(ids);
  told.through = std::max(told.through, live_.position);
  told_ = std::make_shared<const Told>(std::move(told));
  memory.Keep(key, told_);
}

std::set<std::string> BranchRevenue::ToldBehind(std::int64_t from) {
  const auto& [id, fork, head] = *timeline_.branch();
  const std::string of_stripe = " AND aggregate_type = 'subscription' AND source = 'stripe'";
  const storage::Rows rows = session_.Query(
      "SELECT aggregate_id FROM events WHERE position > $1 AND position <= $2 AND tenant = $3" + of_stripe +
          " UNION SELECT aggregate_id FROM branch_events WHERE branch = $4 AND position <= $5" + of_stripe,
      {from, live_.position, tenant_, id, head});
  std::set<std::string> ids;
  for (std::size_t i = 0; i < rows.size(); ++i) ids.insert(rows.Text(i, 0));
  return ids;
}

void BranchRevenue::Compute(const std::set<std::string>& ids, Told& told) {
  InParts(ids, [&](const storage::PairList& pairs) {
    storage::Parameters parameters = {pairs, tenant_};
    const std::string select = timeline_.Select(
        "position", "PAIRS($1)",
        "tenant = $2 AND aggregate_id = a AND aggregate_type = 'subscription' AND source = 'stripe'",
        parameters);
    const storage::Rows rows = session_.Query(select, parameters);
    std::vector<std::int64_t> positions;
    for (std::size_t i = 0; i < rows.size(); ++i) positions.push_back(rows.Int(i, 0));
    ScratchModel model(session_, timeline_, kProjection,
                       {&Revenue::kSubscriptionsTable, &Revenue::kMovementsTable});
    model.ApplyAt(std::move(positions));
    for (const auto& [key, row] : model.RowsOf(Revenue::kMovementsTable)) told.movements.push_back(row);
  });
}

std::vector<Row> BranchRevenue::Replaced() const {
  const std::vector<Column>& columns = Revenue::kMovementsTable.columns;
  std::vector<Row> movements;
  InParts(told_->ids, [&](const storage::PairList& pairs) {
    const storage::Rows subscriptions = session_.Query(
        "SELECT row_key FROM PAIRS($1) CROSS JOIN revenue_subscriptions WHERE generation = $2 AND tenant = "
        "$3 AND id = a",
        {pairs, live_.generation, tenant_});
    storage::TextList owners;
    for (std::size_t i = 0; i < subscriptions.size(); ++i)
      owners.push_back(Revenue::OwnerOf(subscriptions.Text(i, 0)));
    storage::Rows found =
        session_.Lookup(Revenue::kMovementsTable, live_.generation, "owner", owners, std::nullopt);
    for (std::size_t i = 0; i < found.size(); ++i) {
      Row& row = movements.emplace_back();
      for (std::size_t j = 0; j < columns.size(); ++j) row.push_back(found.Take(i, j, columns[j].type));
    }
  });
  return movements;
}

}  // namespace billhook::query
