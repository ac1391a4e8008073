#include "projections/projection.h"

#include <algorithm>

#include "domain/stripe/brief_body.h"

namespace billhook {

std::vector<Row> ReadModel::FindFlagged(const Table& table, std::string_view column,
                                        const std::vector<std::string>& values, const Flag& flag) {
  std::vector<Row> rows = Find(table, column, values);
  const std::size_t flagged = table.IndexOf(flag.column);
  std::erase_if(rows, [&](const Row& row) { return row[flagged] != Cell(flag.value); });
  return rows;
}

std::shared_ptr<const stripe::EventBody> ReadModel::BriefOf(const RecordedEvent& recorded) {
  std::optional<stripe::EventBody> brief = stripe::ReadBriefBody(recorded);
  return brief ? std::make_shared<const stripe::EventBody>(*std::move(brief)) : nullptr;
}

void Changes::Put(const Table& table, Row row) {
  std::string key = std::get<std::string>(row.front());
  rows[&table][std::move(key)] = std::move(row);
}

void Changes::Remove(const Table& table, const std::string& row_key) {
  rows[&table][row_key] = std::nullopt;
}

std::string JoinKey(std::initializer_list<std::string_view> parts) {
  std::string key;
  for (std::string_view part : parts) {
    if (!key.empty()) key += '\x1f';
    key += part;
  }
  return key;
}

}  // namespace billhook
