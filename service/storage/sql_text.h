// What the adapters do to SQL text: the parts of INSERT statements that both share, and the markers that
// stand for what each says in its own way. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "projections/table.h"

namespace billhook::storage {

// "a, b, c", each behind `prefix`.
std::string ColumnList(const std::vector<Column>& columns, const std::string& prefix = "");

// " ON CONFLICT (first `keys` columns) DO UPDATE SET the others = excluded ..." (DO NOTHING where there are
// no others).
std::string OnConflictUpdate(const std::vector<Column>& columns, std::size_t keys);

// Replaces each `marker`($n) by `before` + "$n" + `after`.
std::string ReplaceMarker(std::string sql, std::string_view marker, std::string_view before,
                          std::string_view after);

// A list of pairs as a JSON array of two-element arrays.
std::string PairsAsJson(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace billhook::storage
