// What the adapters do to SQL text: the parts of statements that both share, and the markers that stand for
// what each says in its own way. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "projections/table.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// "a, b, c", each behind `prefix`.
std::string ColumnList(const std::vector<Column>& columns, const std::string& prefix = "");

// " AND names_customer = 0", in the statement's text so that a partial index fits; empty without a flag.
std::string AndFlag(const std::optional<Flag>& flag);

// Replaces each `marker`($n) by `before` + "$n" + `after`.
std::string ReplaceMarker(std::string sql, std::string_view marker, std::string_view before,
                          std::string_view after);

// A list of pairs or triples as a JSON array of arrays; nothing for any other parameter.
std::optional<std::string> ListAsJson(const Parameter& parameter);

// Replaces each $n by the n-th of `values`.
std::string ReplaceParameters(const std::string& sql, const TextList& values);

}  // namespace billhook::storage
