#include "tests/support/memory_read_model.h"

#include <algorithm>

#include "domain/check.h"

namespace billhook::test {
namespace {

// Columns of positions and a table of what was known when: they tell the order of arrival, so they may
// differ.
const std::set<std::string_view> kBookkeeping = {"newest", "position", "recorded_at", "seconds"};
constexpr std::string_view kArrivals = "ledger_entries_recorded";

std::string TextOf(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return std::to_string(*number);
  if (const auto* text = std::get_if<std::string>(&cell)) return Json(*text).dump();
  return "null";
}

void CheckShape(const Table& table, const std::string& key, const Row& row) {
  BILLHOOK_CHECK(row.size() == table.columns.size());
  BILLHOOK_CHECK(std::get<std::string>(row.front()) == key);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool integer = table.columns[i].type == ColumnType::kInteger;
    BILLHOOK_CHECK(std::holds_alternative<std::monostate>(row[i]) ||
                   std::holds_alternative<std::int64_t>(row[i]) == integer);
  }
}

}  // namespace

std::vector<Row> MemoryReadModel::Find(const Table& table, std::string_view column,
                                       const std::vector<std::string>& values) {
  const std::set<std::string> wanted(values.begin(), values.end());
  const std::size_t index = table.IndexOf(column);
  std::vector<Row> found;
  for (const auto& [key, row] : rows_[&table]) {
    const auto* text = std::get_if<std::string>(&row[index]);
    if (text != nullptr && wanted.count(*text) == 1) found.push_back(row);
  }
  std::reverse(found.begin(), found.end());  // no order is promised
  return found;
}

std::vector<RecordedEvent> MemoryReadModel::EventsAt(const std::vector<std::int64_t>& positions) {
  std::vector<RecordedEvent> events;
  for (std::int64_t position : positions) events.push_back(log_.at(static_cast<std::size_t>(position - 1)));
  return events;
}

std::vector<RecordedEvent> MemoryReadModel::StreamAfter(const Event& member, std::int64_t version) {
  constexpr std::size_t kAtATime = 3;  // few, so that whoever reads on is put to the test
  std::map<std::int64_t, const RecordedEvent*> behind;
  for (const RecordedEvent& recorded : log_) {
    const Event& event = recorded.event;
    if (event.tenant == member.tenant && event.aggregate_type == member.aggregate_type &&
        event.aggregate_id == member.aggregate_id && recorded.version > version)
      behind.emplace(recorded.version, &recorded);
  }
  std::vector<RecordedEvent> events;
  for (const auto& [at, recorded] : behind) {
    if (events.size() < kAtATime) events.push_back(*recorded);
  }
  return events;
}

void MemoryReadModel::Apply(std::vector<RecordedEvent> batch) {
  for (RecordedEvent& recorded : batch) Record(recorded);
  ApplyRecorded(std::move(batch));
}

void MemoryReadModel::Skip(RecordedEvent recorded) {
  Record(recorded);
}

bool MemoryReadModel::Retry(std::int64_t position) {
  std::vector<RecordedEvent> event = EventsAt({position});
  dead_letters_.erase(event.front().event.caused_by.value());
  return ApplyRecorded(std::move(event));
}

void MemoryReadModel::Record(RecordedEvent& recorded) {
  recorded.position = static_cast<std::int64_t>(log_.size()) + 1;
  recorded.recorded_at = recorded.position * kMicrosPerSecond;
  log_.push_back(recorded);
}

bool MemoryReadModel::ApplyRecorded(std::vector<RecordedEvent> batch) {
  for (RecordedEvent& recorded : batch) {
    const std::vector<std::string_view> read = projection_.payloads();
    const auto begins = [&recorded](std::string_view type) {
      return recorded.event.event_type.starts_with(type);
    };
    if (std::none_of(read.begin(), read.end(), begins)) recorded.event.payload.clear();
  }
  const std::vector<const Table*> own = projection_.tables();
  Changes changes = projection_.Apply(batch, *this);
  for (auto& [table, rows] : changes.rows) {
    BILLHOOK_CHECK(std::count(own.begin(), own.end(), table) == 1);
    for (auto& [key, row] : rows) {
      if (!row) {
        rows_[table].erase(key);
        continue;
      }
      CheckShape(*table, key, *row);
      rows_[table][key] = *std::move(row);
    }
  }
  for (const DeadLetter& letter : changes.dead_letters) {
    dead_letters_[letter.event->event.caused_by.value()] = letter.reason;
  }
  return changes.dead_letters.empty();
}

std::vector<Json> MemoryReadModel::Rows(const Table& table) const {
  std::vector<Json> rows;
  const auto own = rows_.find(&table);
  if (own == rows_.end()) return rows;
  for (const auto& [key, row] : own->second) {
    Json object = Json::object();
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string column(table.columns[i].name);
      if (const auto* number = std::get_if<std::int64_t>(&row[i])) object[column] = *number;
      if (const auto* text = std::get_if<std::string>(&row[i])) {
        object[column] = column == "body" ? Json::parse(*text) : Json(*text);
      }
    }
    rows.push_back(std::move(object));
  }
  return rows;
}

std::string MemoryReadModel::Fingerprint() const {
  std::string text;
  for (const Table* table : projection_.tables()) {
    const auto own = rows_.find(table);
    if (own == rows_.end() || table->name == kArrivals) continue;
    for (const auto& [key, row] : own->second) {
      text += std::string(table->name) + ":";
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string_view column = table->columns[i].name;
        if (kBookkeeping.count(column) == 0) text += " " + std::string(column) + "=" + TextOf(row[i]);
      }
      text += "\n";
    }
  }
  for (const auto& [event_id, reason] : dead_letters_)
    text += "dead letter " + event_id + ": " + reason + "\n";
  return text;
}

}  // namespace billhook::test
