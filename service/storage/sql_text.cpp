#include "service/storage/sql_text.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "domain/check.h"

namespace billhook::storage {

std::string ColumnList(const std::vector<Column>& columns, const std::string& prefix) {
  std::string list;
  for (const Column& column : columns)
    list.append(list.empty() ? "" : ", ").append(prefix).append(column.name);
  return list;
}

std::string AndFlag(const std::optional<Flag>& flag) {
  if (!flag) return "";
  return " AND " + std::string(flag->column) + " = " + std::to_string(flag->value);
}

std::optional<std::string> ListAsJson(const Parameter& parameter) {
  if (const auto* pairs = std::get_if<PairList>(&parameter)) return nlohmann::json(*pairs).dump();
  if (const auto* triples = std::get_if<TripleList>(&parameter)) return nlohmann::json(*triples).dump();
  return std::nullopt;
}

std::string ReplaceParameters(const std::string& sql, const TextList& values) {
  std::string replaced;
  for (std::size_t at = 0; at < sql.size();) {
    std::size_t number = 0;
    const char* const end = sql.data() + sql.size();
    const char* const behind =
        sql[at] == '$' ? std::from_chars(sql.data() + at + 1, end, number).ptr : sql.data() + at + 1;
    if (number == 0) {
      replaced += sql[at++];
      continue;
    }
    BILLHOOK_CHECK(number <= values.size());
    replaced += values[number - 1];
    at = static_cast<std::size_t>(behind - sql.data());
  }
  return replaced;
}

std::string ReplaceMarker(std::string sql, std::string_view marker, std::string_view before,
                          std::string_view after) {
  const std::string opening = std::string(marker) + "(";
  for (std::size_t at = sql.find(opening); at != std::string::npos; at = sql.find(opening, at)) {
    const std::size_t close = sql.find(')', at);
    BILLHOOK_CHECK(close != std::string::npos);
    const std::string parameter = sql.substr(at + opening.size(), close - at - opening.size());
    sql.replace(at, close + 1 - at, std::string(before) + parameter + std::string(after));
  }
  return sql;
}

}  // namespace billhook::storage
