// Money is an integer in the currency's minor unit (Stripe's `amount`), never floating point. Sums are made
// in 128 bits and narrowed once, checked; a sum beyond int64 is refused or written with all its digits, never
// wrapped. Pure, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace billhook {

__extension__ typedef __int128 Int128;

// The amount as int64 minor units, or nothing if it does not fit.
std::optional<std::int64_t> Narrow(Int128 amount_minor);

// All decimal digits, with a leading '-' where negative.
std::string ToDecimal(Int128 amount_minor);

// `numerator / denominator` rounded to an integer, halves to the even neighbour. `denominator` is positive.
Int128 DivideHalfToEven(Int128 numerator, Int128 denominator);

// A non-negative rational number that refuses to wrap: every operation says whether the exact result fits in
// 128 bits.
class Fraction {
 public:
  // Adds numerator/denominator (denominator positive); false, and no change, if the exact sum does not fit.
  [[nodiscard]] bool Add(Int128 numerator, Int128 denominator);
  [[nodiscard]] Int128 RoundHalfToEven() const { return DivideHalfToEven(numerator_, denominator_); }

 private:
  Int128 numerator_ = 0;
  Int128 denominator_ = 1;
};

}  // namespace billhook
