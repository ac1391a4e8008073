#include "service/query/branch_timeline.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "projections/customer_timeline.h"
#include "service/query/branch_memory.h"
#include "service/query/scratch_model.h"
#include "service/storage/sql_text.h"

namespace billhook::query {
namespace {

constexpr std::size_t kAtATime = 1'000;

const CustomerTimeline kProjection;

void AddSubscription(const std::string& body, std::set<std::string>& ids) {
  const nlohmann::json event = nlohmann::json::parse(body);
  if (event.at("object") == "subscription" && event.at("object_id").is_string())
    ids.insert(event.at("object_id").get<std::string>());
}

}  // namespace

struct BranchTimeline::Told {
  Rows rows;
  // The keys of rows by each of their families, and of those that name it by customer.
  std::map<std::string, std::vector<std::string>> by_family;
  std::map<std::string, std::vector<std::string>> naming;

  [[nodiscard]] std::size_t size() const { return rows.size(); }
  void AddTo(Rows& added, const std::map<std::string, std::vector<std::string>>& index,
             const std::string& value) const {
    const auto keys = index.find(value);
    if (keys == index.end()) return;
    for (const std::string& key : keys->second) added.emplace(key, rows.at(key));
  }
};

BranchTimeline::BranchTimeline(storage::Session& session, LiveModel live, std::string tenant,
                               storage::Timeline timeline)
    : session_(session), live_(live), tenant_(std::move(tenant)), timeline_(std::move(timeline)) {
  static BranchMemory<Told> memory;
  const BranchKey key = {timeline_.branch()->id, {timeline_.branch()->head}};
  told_ = memory.Find(key);
  if (told_) return;
  told_ = std::make_shared<const Told>(Tell());
  memory.Keep(key, told_);
}

BranchTimeline::Told BranchTimeline::Tell() {
  const auto& [id, fork, head] = *timeline_.branch();
  ScratchModel model(session_, timeline_, kProjection, {&CustomerTimeline::kTable});
  std::vector<std::int64_t> positions;
  for (std::int64_t position = fork + 1; position <= head; ++position) positions.push_back(position);
  model.ApplyAt(std::move(positions));
  Told told;
  told.rows = model.RowsOf(CustomerTimeline::kTable);
  for (const auto& [key, row] : told.rows) {
    for (std::size_t family : timeline::kFamilies) {
      if (const std::string* value = timeline::TextIn(row, family)) told.by_family[*value].push_back(key);
    }
    if (timeline::NamesCustomer(row)) told.naming[*timeline::TextIn(row, timeline::kCustomer)].push_back(key);
  }
  return told;
}

void BranchTimeline::AddLive(std::string_view column, const std::vector<std::string>& values, Rows& rows) {
  static const std::vector<Column>& columns = CustomerTimeline::kTable.columns;
  for (std::size_t begin = 0; begin < values.size(); begin += kAtATime) {
    storage::PairList pairs;
    for (std::size_t i = begin; i < std::min(begin + kAtATime, values.size()); ++i)
      pairs.emplace_back(values[i], "");
    storage::Rows found = session_.Query(
        "SELECT " + storage::ColumnList(columns) +
            " FROM PAIRS($1) CROSS JOIN customer_timeline t WHERE "
            "t.generation = $2 AND t.tenant = $3 AND t." +
            std::string(column) +
            " = a AND EXISTS (SELECT 1 FROM events e WHERE e.tenant = $3 AND e.caused_by = t.event_id AND "
            "e.source = 'stripe' AND e.position + 0 <= $4)",
        {pairs, live_.generation, tenant_, timeline_.branch()->fork});
    for (std::size_t i = 0; i < found.size(); ++i) {
      Row row;
      for (std::size_t j = 0; j < columns.size(); ++j) row.push_back(found.Take(i, j, columns[j].type));
      std::string key = std::get<std::string>(row.front());
      rows.emplace(std::move(key), std::move(row));
    }
  }
}

void BranchTimeline::GiveCustomers(Rows& rows) {
  std::set<std::string> reached;
  std::vector<std::string> frontier;
  const auto reach = [&](const Row& row) {
    for (std::size_t family : timeline::kFamilies) {
      const std::string* key = timeline::TextIn(row, family);
      if (key != nullptr && reached.insert(*key).second) frontier.push_back(*key);
    }
  };
  for (const auto& [key, row] : rows) reach(row);
  while (!frontier.empty()) {
    Rows found;
    for (std::size_t family : timeline::kFamilies)
      AddLive(CustomerTimeline::kTable.columns[family].name, frontier, found);
    for (const std::string& family : frontier) told_->AddTo(found, told_->by_family, family);
    frontier.clear();
    for (auto& [key, row] : found) {
      if (!timeline::NamesCustomer(row)) reach(row);
    }
    rows.merge(found);
  }
  std::vector<Row*> waiting;
  for (auto& [key, row] : rows) {
    if (timeline::NamesCustomer(row)) continue;
    row[timeline::kCustomer] = std::monostate();
    waiting.push_back(&row);
  }
  timeline::GiveCustomers(rows, std::move(waiting));
}

std::vector<Row> BranchTimeline::RowsOf(const std::string& customer) {
  Rows rows;
  AddLive("customer", {customer}, rows);
  told_->AddTo(rows, told_->naming, customer);
  GiveCustomers(rows);
  std::vector<Row> own;
  for (auto& [key, row] : rows) {
    const std::string* given = timeline::TextIn(row, timeline::kCustomer);
    if (given != nullptr && *given == customer) own.push_back(std::move(row));
  }
  return own;
}

std::map<std::string, Row> BranchTimeline::RowsAt(const std::vector<std::string>& row_keys) {
  Rows rows;
  AddLive("row_key", row_keys, rows);
  for (const std::string& key : row_keys) {
    if (const auto own = told_->rows.find(key); own != told_->rows.end()) rows.insert(*own);
  }
  GiveCustomers(rows);
  Rows wanted;
  for (const std::string& key : row_keys) {
    const auto row = rows.find(key);
    if (row != rows.end() && timeline::TextIn(row->second, timeline::kCustomer) != nullptr)
      wanted.insert(*row);
  }
  return wanted;
}

std::vector<std::string> BranchTimeline::RowKeys(const std::string& after, std::size_t limit) {
  storage::PairList own;
  for (const auto& [key, row] : told_->rows) own.emplace_back(key, "");
  const std::string order = " ORDER BY row_key LIMIT " + std::to_string(limit);
  const storage::Rows found = session_.Query(
      "SELECT row_key FROM (SELECT row_key FROM customer_timeline WHERE generation = $1 AND tenant = $2 AND "
      "row_key > $3" +
          order + ") AS live UNION SELECT a AS row_key FROM PAIRS($4) WHERE a > $3" + order,
      {live_.generation, tenant_, after, own});
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < found.size(); ++i) keys.push_back(found.Text(i, 0));
  return keys;
}

std::set<std::string> BranchTimeline::SubscriptionsOf(const std::vector<std::string>& customers) {
  storage::PairList pairs;
  for (const std::string& customer : customers) pairs.emplace_back(customer, "");
  const storage::Rows found = session_.Query(
      "SELECT body FROM PAIRS($1) CROSS JOIN customer_timeline t WHERE t.generation = $2 AND t.tenant = $3 "
      "AND t.customer = a AND t.names_customer = 1 AND t.body LIKE '%\"subscription\"%'",
      {pairs, live_.generation, tenant_});
  std::set<std::string> ids;
  for (std::size_t i = 0; i < found.size(); ++i) AddSubscription(found.Text(i, 0), ids);
  Rows own;
  for (const std::string& customer : customers) told_->AddTo(own, told_->naming, customer);
  for (const auto& [key, row] : own) AddSubscription(std::get<std::string>(row[timeline::kBody]), ids);
  return ids;
}

}  // namespace billhook::query
