// Money is an integer in the currency's minor unit (Stripe's `amount`), never floating point. Sums are made
// in 128 bits and narrowed once, checked; a sum beyond int64 is refused or written with all its digits, never
// wrapped. Pure, thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace billhook {

__extension__ typedef __int128 Int128;

// The amount as int64 minor units, or nothing if it does not fit.
std::optional<std::int64_t> Narrow(Int128 amount_minor);

// All decimal digits, with a leading '-' where negative.
std::string ToDecimal(Int128 amount_minor);

// A sum of fractions, exact until it is rounded.
class Fraction {
 public:
  // Adds numerator/denominator (denominator positive); false, and no change, if the whole part does not fit
  // in 128 bits or there are more than kMaxDenominators different denominators.
  [[nodiscard]] bool Add(Int128 numerator, Int128 denominator);
  [[nodiscard]] Int128 RoundHalfToEven() const;

  static constexpr std::size_t kMaxDenominators = 64;

 private:
  Int128 whole_ = 0;
  std::map<Int128, Int128> parts_;  // by denominator, reduced: 0 < numerator < denominator
};

}  // namespace billhook
