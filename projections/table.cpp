#include "projections/table.h"

#include "domain/check.h"

namespace billhook {

std::size_t Table::IndexOf(std::string_view column) const {
  std::size_t index = 0;
  while (index < columns.size() && columns[index].name != column) ++index;
  BILLHOOK_CHECK(index < columns.size());
  return index;
}

}  // namespace billhook
