#include "domain/money.h"

#include <algorithm>
#include <limits>
#include <vector>

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

// A natural number of any size: its digits in base 2^32, the least first, without leading zeros.
using Natural = std::vector<std::uint32_t>;

void Trim(Natural& number) {
  while (!number.empty() && number.back() == 0) number.pop_back();
}

Natural NaturalFrom(Int128 value) {
  Natural number;
  for (; value != 0; value >>= 32) number.push_back(static_cast<std::uint32_t>(value & 0xffffffff));
  return number;
}

Natural Sum(const Natural& a, const Natural& b) {
  Natural sum;
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < std::max(a.size(), b.size()) || carry != 0; ++i) {
    carry += (i < a.size() ? a[i] : 0);
    carry += (i < b.size() ? b[i] : 0);
    sum.push_back(static_cast<std::uint32_t>(carry));
    carry >>= 32;
  }
  return sum;
}

// `a` must not be less than `b`.
Natural Difference(const Natural& a, const Natural& b) {
  Natural difference = a;
  std::uint64_t borrow = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::uint64_t taken = (i < b.size() ? b[i] : 0) + borrow;
    borrow = difference[i] < taken ? 1 : 0;
    difference[i] = static_cast<std::uint32_t>(difference[i] - taken);
  }
  Trim(difference);
  return difference;
}

Natural Product(const Natural& a, const Natural& b) {
  Natural product(a.size() + b.size(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; j < b.size() || carry != 0; ++j) {
      carry += product[i + j];
      if (j < b.size()) carry += std::uint64_t{a[i]} * b[j];
      product[i + j] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
  }
  Trim(product);
  return product;
}

bool IsLess(const Natural& a, const Natural& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
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

bool Fraction::Add(Int128 numerator, Int128 denominator) {
  BILLHOOK_CHECK(denominator > 0);
  Int128 whole = numerator / denominator;
  Int128 part = numerator % denominator;
  if (part < 0) {  // parts are never negative
    part += denominator;
    --whole;
  }
  const Int128 shared = GreatestCommonDivisor(denominator, part);
  denominator /= shared;
  part /= shared;
  const auto known = parts_.find(denominator);
  if (part != 0 && known == parts_.end() && parts_.size() == kMaxDenominators) return false;
  if (known != parts_.end()) {
    const Int128 left = denominator - known->second;  // up to the next whole
    if (part >= left) {
      part -= left;
      ++whole;
    } else {
      part += known->second;
    }
  }
  Int128 sum = 0;
  if (__builtin_add_overflow(whole_, whole, &sum) || sum == std::numeric_limits<Int128>::max()) return false;
  whole_ = sum;
  if (part != 0) parts_[denominator] = part;
  if (part == 0 && known != parts_.end()) parts_.erase(known);
  return true;
}

Int128 Fraction::RoundHalfToEven() const {
  Natural numerator;
  Natural denominator = NaturalFrom(1);
  for (const auto& [part_denominator, part] : parts_) {
    const Natural factor = NaturalFrom(part_denominator);
    numerator = Sum(Product(numerator, factor), Product(denominator, NaturalFrom(part)));
    denominator = Product(denominator, factor);
  }
  Int128 whole = whole_;
  for (; !IsLess(numerator, denominator); ++whole) numerator = Difference(numerator, denominator);
  const Natural twice = Sum(numerator, numerator);
  const bool above_half = IsLess(denominator, twice);
  const bool half = !above_half && !IsLess(twice, denominator);
  return whole + (above_half || (half && whole % 2 != 0) ? 1 : 0);
}

}  // namespace billhook
