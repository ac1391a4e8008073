#include "service/storage/sql_text.h"

#include <nlohmann/json.hpp>

#include "domain/check.h"

namespace billhook::storage {

std::string ColumnList(const std::vector<Column>& columns, const std::string& prefix) {
  std::string list;
  for (const Column& column : columns)
    list.append(list.empty() ? "" : ", ").append(prefix).append(column.name);
  return list;
}

std::string OnConflictUpdate(const std::vector<Column>& columns, std::size_t keys) {
  const std::vector<Column> key_columns(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(keys));
  std::string sql = " ON CONFLICT (" + ColumnList(key_columns) + ") DO ";
  if (keys == columns.size()) return sql + "NOTHING";
  sql += "UPDATE SET ";
  for (std::size_t i = keys; i < columns.size(); ++i) {
    if (i > keys) sql += ", ";
    sql.append(columns[i].name).append(" = excluded.").append(columns[i].name);
  }
  return sql;
}

std::string PairsAsJson(const std::vector<std::pair<std::string, std::string>>& pairs) {
  return nlohmann::json(pairs).dump();
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
