#include "projections/event_counts.h"

namespace billhook {

const Table EventCounts::kTable = {
    "event_counts",
    {{"row_key"}, {"tenant"}, {"event_type"}, {"aggregate_type"}, {"events", ColumnType::kInteger}}};

Changes EventCounts::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  std::map<std::string, Row> counted;
  std::vector<std::string> keys;
  for (const RecordedEvent& recorded : batch) {
    const Event& event = recorded.event;
    const std::string key = JoinKey({event.tenant, event.event_type, event.aggregate_type});
    const auto [row, added] = counted.try_emplace(
        key, Row{key, event.tenant, event.event_type, event.aggregate_type, std::int64_t{0}});
    if (added) keys.push_back(key);
    ++std::get<std::int64_t>(row->second.back());
  }
  for (const Row& row : read_model.Find(kTable, "row_key", keys)) {
    std::get<std::int64_t>(counted.at(std::get<std::string>(row.front())).back()) +=
        std::get<std::int64_t>(row.back());
  }
  Changes changes;
  for (auto& [key, row] : counted) changes.Put(kTable, std::move(row));
  return changes;
}

}  // namespace billhook
