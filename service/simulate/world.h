// The stage of the simulation: simulated time, the agenda of scenes to come, the events told but not yet
// given out, the price list, and the books that become the truth. A discrete-event simulation: scenes run in
// order of time, each may tell events (now or some seconds later) and put further scenes on the agenda. Not
// thread safe.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/json_writer.h"
#include "service/simulate/books.h"
#include "service/simulate/fates.h"
#include "service/simulate/history.h"
#include "service/simulate/objects.h"
#include "service/simulate/random.h"

namespace billhook::simulate {

inline constexpr std::int64_t kHistoryBegin = 1'735'689'600;  // 2025-01-01T00:00:00Z
inline constexpr std::int64_t kMinute = 60;
inline constexpr std::int64_t kHour = 3'600;
inline constexpr std::int64_t kDay = 86'400;

inline constexpr std::array<std::string_view, 4> kCurrencies = {"usd", "eur", "jpy", "kwd"};

using Scene = std::function<void()>;

// The amount in the smallest step that may be paid: in a three-decimal currency the last digit is 0.
constexpr std::int64_t Payable(std::string_view currency, std::int64_t amount) {
  return currency == "kwd" ? amount / 10 * 10 : amount;
}

// One price of the price list.
struct PriceKey {
  std::size_t tier = 0;  // 0 to 3
  std::string currency;
  Cadence cadence = {};
  Scheme scheme = Scheme::kPerUnit;

  auto operator<=>(const PriceKey&) const = default;
};

class World {
 public:
  World(std::uint64_t seed, const HistoryOptions& options);

  Random& random() { return random_; }
  Fates& fates() { return fates_; }
  [[nodiscard]] std::int64_t now() const { return now_; }
  [[nodiscard]] bool livemode() const { return livemode_; }
  [[nodiscard]] const std::string& account() const { return account_; }

  // An object's ID as Stripe makes them: the prefix, a generation digit, five characters of the second, so
  // that later ones sort behind, ten of the account and eight of chance.
  std::string Id(std::string_view prefix) { return LongId(prefix, now_); }
  // The older, shorter form that customers, products and subscription items have: no account, nine of chance.
  std::string ShortId(std::string_view prefix);
  // An event's; on a Connect account with a part of that account's ID.
  std::string EventId(std::int64_t delay_s) { return OfAccount(LongId("evt_", now_ + delay_s)); }
  // An event's of the v2 API.
  std::string ThinEventId();

  // A cleared buffer to write one event's body into.
  JsonWriter& Paper();

  // `time` is never before now().
  void At(std::int64_t time, Scene scene);
  void After(std::int64_t seconds, Scene scene) { At(now_ + seconds, std::move(scene)); }

  // Puts what the paper holds among the events, `delay_s` from now, together with what was booked since the
  // last one.
  void Publish(std::string id, std::string_view type, std::int64_t delay_s, Fact fact);

  // Books an amount; it counts from the next published event on, which must be the first that tells of it.
  // `customer` is null where the ledger knows none; `at` is when a payment was made.
  void Book(std::int64_t LedgerTruth::*column, std::string_view currency, std::int64_t amount,
            const Customer* customer, std::int64_t at = 0);

  // What Stripe holds for the account in that currency.
  [[nodiscard]] std::int64_t balance(std::string_view currency) const;

  // Runs scenes until the next event in order of time is certain. The agenda never runs dry: lives go on
  // arriving.
  SimulatedEvent Next();

  [[nodiscard]] const Truth& truth() const { return books_.truth(); }

  // The price, and whether this call made it: then its creation has to be told.
  std::pair<const Price*, bool> PriceOf(const PriceKey& key);
  // The product of that tier, and whether this call made it.
  std::pair<Product*, bool> ProductOf(std::size_t tier);

 private:
  std::string LongId(std::string_view prefix, std::int64_t time);
  [[nodiscard]] std::string OfAccount(std::string event_id) const;

  struct Pending {
    SimulatedEvent event;
    std::uint64_t sequence;
    std::vector<Booking> bookings;
    Fact fact;
  };
  struct Appointment {
    std::int64_t time;
    std::uint64_t sequence;
    Scene scene;
  };

  Random random_;
  Fates fates_;
  const bool livemode_;
  const std::string account_;
  const std::string account_tag_;  // what IDs show of the account
  JsonWriter text_;
  std::int64_t now_ = kHistoryBegin;
  std::uint64_t sequence_ = 0;
  std::vector<Appointment> agenda_;  // heap, the earliest on top
  std::vector<Pending> pending_;     // heap, the earliest on top
  std::vector<Booking> bookings_;
  std::map<std::string, std::int64_t, std::less<>> balances_;
  std::map<PriceKey, Price> prices_;
  std::map<std::size_t, Product> products_;
  Books books_;
};

}  // namespace billhook::simulate
