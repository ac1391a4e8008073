#include "projections/projection.h"

#include "domain/stripe/brief_body.h"

namespace billhook {

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
