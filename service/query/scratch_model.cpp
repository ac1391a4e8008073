#include "service/query/scratch_model.h"

#include <algorithm>

#include "domain/check.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

constexpr std::size_t kAtATime = 4'096;  // few runs: the objects that a run touches are computed once in it

// Calls `act` for the row's text in that column, if it has one.
template <typename Act>
void WithText(const Row& row, std::size_t column, Act act) {
  if (const auto* text = std::get_if<std::string>(&row[column])) act(*text);
}

}  // namespace

ScratchModel::ScratchModel(storage::Session& session, const storage::Timeline& timeline,
                           const Projection& projection, const std::vector<const Table*>& kept)
    : session_(session), timeline_(timeline), projection_(projection) {
  for (const Table* table : kept) tables_[table];
}

void ScratchModel::ApplyAt(std::vector<std::int64_t> positions) {
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  for (std::size_t begin = 0; begin < positions.size(); begin += kAtATime) {
    const std::size_t end = std::min(begin + kAtATime, positions.size());
    for (const std::vector<std::int64_t>& run :
         storage::RunsOf(session_, timeline_,
                         {positions.begin() + static_cast<std::ptrdiff_t>(begin),
                          positions.begin() + static_cast<std::ptrdiff_t>(end)})) {
      NoteApplied(run);
      Apply(EventsAt(run));
    }
  }
}

void ScratchModel::NoteApplied(const std::vector<std::int64_t>& run) {
  const auto middle = static_cast<std::ptrdiff_t>(applied_.size());
  applied_.insert(applied_.end(), run.begin(), run.end());
  if (middle > 0 && applied_[static_cast<std::size_t>(middle) - 1] > run.front())
    std::inplace_merge(applied_.begin(), applied_.begin() + middle, applied_.end());
}

void ScratchModel::Apply(const std::vector<RecordedEvent>& batch) {
  const Changes changes = projection_.Apply(batch, *this);
  for (const auto& [table, rows] : changes.rows) {
    const auto kept = tables_.find(table);
    if (kept == tables_.end()) continue;
    for (const auto& [key, row] : rows) Put(kept->second, key, row);
  }
}

void ScratchModel::Put(KeptTable& table, const std::string& key, const std::optional<Row>& row) {
  const auto known = table.rows.find(key);
  for (auto& index : table.indexes) {
    Index& by_text = index.second;
    if (known != table.rows.end())
      WithText(known->second, index.first, [&](const std::string& text) { by_text[text].erase(key); });
    if (row) WithText(*row, index.first, [&](const std::string& text) { by_text[text].insert(key); });
  }
  if (row) {
    table.rows.insert_or_assign(key, *row);
  } else if (known != table.rows.end()) {
    table.rows.erase(known);
  }
}

const std::map<std::string, Row>& ScratchModel::RowsOf(const Table& table) const {
  return tables_.at(&table).rows;
}

std::vector<Row> ScratchModel::Find(const Table& table, std::string_view column,
                                    const std::vector<std::string>& values) {
  std::vector<Row> found;
  const auto kept = tables_.find(&table);
  if (kept == tables_.end()) return found;
  const std::size_t at = table.IndexOf(column);
  const std::map<std::string, Row>& rows = kept->second.rows;
  const auto index = kept->second.indexes.try_emplace(at);
  Index& by_text = index.first->second;
  if (index.second) {
    for (const auto& row : rows) {
      WithText(row.second, at, [&](const std::string& text) { by_text[text].insert(row.first); });
    }
  }
  for (const std::string& value : values) {
    const auto keys = by_text.find(value);
    if (keys == by_text.end()) continue;
    for (const std::string& key : keys->second) found.push_back(rows.at(key));
  }
  return found;
}

std::vector<RecordedEvent> ScratchModel::EventsAt(const std::vector<std::int64_t>& positions) {
  return storage::EventsAt(session_, timeline_, positions);
}

std::vector<RecordedEvent> ScratchModel::StreamAfter(const Event& member, std::int64_t version) {
  const storage::StreamName stream = {member.tenant, member.aggregate_type, member.aggregate_id};
  while (true) {
    std::vector<RecordedEvent> events = storage::ReadStream(session_, timeline_, stream, version);
    if (events.empty()) return events;
    version = events.back().version;
    std::erase_if(events, [this](const RecordedEvent& recorded) {
      return !std::binary_search(applied_.begin(), applied_.end(), recorded.position);
    });
    if (!events.empty()) return events;
  }
}

}  // namespace billhook::query
