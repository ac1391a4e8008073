// The shape of read-model tables: what a projection owns, in terms that need no SQL. Each table also has a
// leading column `generation` (kept by the storage), so that a rebuild fills new rows beside those that
// readers still see. Values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace billhook {

enum class ColumnType { kText, kInteger };

struct Column {
  std::string_view name;
  ColumnType type = ColumnType::kText;
};

// The first column is the row's key: unique within a generation.
struct Table {
  std::string_view name;
  std::vector<Column> columns;

  // The index of the column of that name, which must exist.
  [[nodiscard]] std::size_t IndexOf(std::string_view column) const;
};

// What a column of integers holds in the rows that are meant.
struct Flag {
  std::string_view column;
  std::int64_t value = 0;
};

using Cell = std::variant<std::monostate, std::int64_t, std::string>;
using Row = std::vector<Cell>;  // in the order of the table's columns

}  // namespace billhook
