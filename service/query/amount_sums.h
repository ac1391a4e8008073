// Sums of amounts that no 64 bits need to hold. Engines sum in 64 bits or worse: amounts are summed in two
// halves, which stay small, and put together in 128 bits.
#pragma once

#include <cstdint>
#include <string>

#include "domain/money.h"
#include "service/storage/sql.h"

namespace billhook::query {

constexpr std::int64_t kAmountHalf = 1'000'000'000;

// Two columns of a SELECT: the sum of the column of amounts, in halves, 0 over no rows.
inline std::string SumOf(const std::string& amount) {
  const std::string half = std::to_string(kAmountHalf);
  return "coalesce(sum(" + amount + " / " + half + "), 0), coalesce(sum(" + amount + " % " + half + "), 0)";
}

// What SumOf came to, of which the first column is `column`.
inline Int128 SumIn(const storage::Rows& rows, std::size_t row, std::size_t column) {
  return Int128{rows.Int(row, column)} * kAmountHalf + rows.Int(row, column + 1);
}

}  // namespace billhook::query
