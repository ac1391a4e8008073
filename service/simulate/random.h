// The simulation's only source of chance: std::mt19937_64, whose output the standard fixes, with arithmetic
// of our own on top (the standard's distributions differ between libraries). One seed gives one sequence on
// every machine. Not thread safe.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/check.h"

namespace billhook::simulate {

// The alphabet of Stripe's IDs, in ascending order.
inline constexpr std::string_view kBase62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t Next() { return engine_(); }

  // Below `bound`, which is 1 to 2^32.
  std::uint64_t Below(std::uint64_t bound) { return ((engine_() >> 32) * bound) >> 32; }

  // From `low` to `high`, both included.
  std::int64_t Between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(Below(static_cast<std::uint64_t>(high - low) + 1));
  }

  bool Chance(unsigned percent) { return Below(100) < percent; }

  // `length` characters of kBase62.
  std::string Base62(std::size_t length) { return Text(length, kBase62); }

  // `length` lower-case hexadecimal digits.
  std::string Hex(std::size_t length) { return Text(length, "0123456789abcdef"); }

 private:
  static constexpr std::size_t kCharactersADraw = 10;  // 62^10 < 2^64

  std::string Text(std::size_t length, std::string_view alphabet) {
    std::string text(length, '\0');
    std::uint64_t draw = 0;
    for (std::size_t i = 0; i < length; ++i) {
      if (i % kCharactersADraw == 0) draw = engine_();
      text[i] = alphabet[draw % alphabet.size()];
      draw /= alphabet.size();
    }
    return text;
  }

  std::mt19937_64 engine_;
};

// Swaps every element with one at or before it: a uniform permutation (Fisher and Yates).
template <typename T>
void Shuffle(std::vector<T>& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.Below(i)]);
}

// A deck of cards that is shuffled anew when it has been dealt: rare cards come up as surely as frequent
// ones.
template <typename T>
class Deck {
 public:
  explicit Deck(const std::vector<std::pair<T, int>>& cards_and_counts) {
    for (const auto& [card, count] : cards_and_counts)
      cards_.insert(cards_.end(), static_cast<std::size_t>(count), card);
    BILLHOOK_CHECK(!cards_.empty());
  }

  T Deal(Random& random) {
    if (next_ == 0) Shuffle(cards_, random);
    const T card = cards_[next_];
    next_ = (next_ + 1) % cards_.size();
    return card;
  }

 private:
  std::vector<T> cards_;
  std::size_t next_ = 0;
};

}  // namespace billhook::simulate
