#include "domain/money.h"

#include <algorithm>
#include <limits>

#include "domain/check.h"

namespace billhook {
namespace {

Int128 GreatestCommonDivisor(Int128 a, Int128 b) {
  while (b != 0) {
    const Int128 rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

}  // namespace

std::optional<std::int64_t> Narrow(Int128 amount_minor) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (amount_minor < Limits::min() || amount_minor > Limits::max()) return std::nullopt;
  return static_cast<std::int64_t>(amount_minor);
}

std::string ToDecimal(Int128 amount_minor) {
  std::string digits;
  const bool negative = amount_minor < 0;
  do {
    const int digit = static_cast<int>(amount_minor % 10);
    digits += static_cast<char>('0' + (negative ? -digit : digit));
    amount_minor /= 10;
  } while (amount_minor != 0);
  if (negative) digits += '-';
  std::reverse(digits.begin(), digits.end());
  return digits;
}

Int128 DivideHalfToEven(Int128 numerator, Int128 denominator) {
  BILLHOOK_CHECK(denominator > 0);
  Int128 quotient = numerator / denominator;
  Int128 rest = numerator % denominator;
  if (rest < 0) {  // round from below, so that the rest is never negative
    rest += denominator;
    --quotient;
  }
  const Int128 other_side = denominator - rest;
  if (rest > other_side || (rest == other_side && quotient % 2 != 0)) ++quotient;
  return quotient;
}

bool Fraction::Add(Int128 numerator, Int128 denominator) {
  BILLHOOK_CHECK(denominator > 0);
  const Int128 shared = GreatestCommonDivisor(denominator_, denominator);
  Int128 left = 0;
  Int128 right = 0;
  Int128 sum = 0;
  Int128 common = 0;
  if (__builtin_mul_overflow(numerator_, denominator / shared, &left)) return false;
  if (__builtin_mul_overflow(numerator, denominator_ / shared, &right)) return false;
  if (__builtin_add_overflow(left, right, &sum)) return false;
  if (__builtin_mul_overflow(denominator_, denominator / shared, &common)) return false;
  const Int128 reduce = std::max<Int128>(1, GreatestCommonDivisor(sum, common));
  numerator_ = sum / reduce;
  denominator_ = common / reduce;
  return true;
}

}  // namespace billhook
