#include "service/simulate/world.h"

#include <algorithm>
#include <tuple>

#include "domain/check.h"

namespace billhook::simulate {
namespace {

struct Tier {
  std::string_view name, description;
  std::array<std::int64_t, 4> monthly;  // as kCurrencies
};

constexpr std::array<Tier, 4> kTiers = {{
    {"Starter", "For one person and a few projects.", {900, 850, 1'200, 2'750}},
    {"Team", "For small teams, with shared workspaces.", {2'900, 2'700, 4'200, 8'900}},
    {"Business", "For companies: roles, audit log, single sign-on.", {9'900, 9'500, 14'800, 30'500}},
    {"Enterprise", "For large organisations, with support day & night.", {49'900, 47'900, 74'000, 153'000}},
}};

std::string NicknameOf(const PriceKey& key) {
  std::string name(kTiers.at(key.tier).name);
  if (key.scheme == Scheme::kMetered) name += " usage";
  if (key.scheme == Scheme::kMeteredInTiers) name += " usage in tiers";
  if (key.scheme == Scheme::kTiered) name += " in tiers";
  const std::string count = key.cadence.count == 1 ? "" : std::to_string(key.cadence.count) + " ";
  return name + " by the " + count + std::string(key.cadence.unit);
}

std::int64_t UnitAmountOf(const PriceKey& key) {
  const auto currency = std::find(kCurrencies.begin(), kCurrencies.end(), key.currency);
  BILLHOOK_CHECK(currency != kCurrencies.end());
  const std::int64_t monthly =
      kTiers.at(key.tier).monthly.at(static_cast<std::size_t>(currency - kCurrencies.begin()));
  std::int64_t amount = monthly * key.cadence.count;
  if (key.cadence.unit == "year") amount = monthly * 10;
  if (key.cadence.unit == "week") amount = monthly * key.cadence.count / 3;
  if (key.cadence.unit == "day") amount = monthly * key.cadence.count / 30;
  return Payable(key.currency, amount);
}

// Five digits, the highest first, since the second that Stripe's IDs count from.
std::string SecondInBase62(std::int64_t time) {
  constexpr std::int64_t kFirstSecond = 1'342'389'380;  // 2012-07-15
  std::string digits(5, '0');
  std::int64_t left = time - kFirstSecond;
  for (std::size_t i = digits.size(); i-- > 0; left /= 62)
    digits[i] = kBase62[static_cast<std::size_t>(left % 62)];
  return digits;
}

// For the standard heaps, which keep the greatest on top: the later is the lesser.
constexpr auto kPendingLater = [](const auto& a, const auto& b) {
  return std::tie(a.event.created, a.sequence) > std::tie(b.event.created, b.sequence);
};
constexpr auto kSceneLater = [](const auto& a, const auto& b) {
  return std::tie(a.time, a.sequence) > std::tie(b.time, b.sequence);
};

}  // namespace

World::World(std::uint64_t seed, const HistoryOptions& options)
    : random_(seed),
      livemode_(options.livemode),
      account_(options.account),
      account_tag_(random_.Base62(10)),
      text_(options.pretty ? JsonWriter::Layout::kIndented : JsonWriter::Layout::kCompact) {}

std::string World::LongId(std::string_view prefix, std::int64_t time) {
  return std::string(prefix) + "1" + SecondInBase62(time) + account_tag_ + random_.Base62(8);
}

std::string World::ShortId(std::string_view prefix) {
  return std::string(prefix) + SecondInBase62(now_) + random_.Base62(9);
}

std::string World::OfAccount(std::string event_id) const {
  return std::move(event_id) + account_.substr(account_.find('_') + 1);
}

std::string World::ThinEventId() {
  return OfAccount((livemode_ ? "evt_65" : "evt_test_65") + random_.Base62(27));
}

JsonWriter& World::Paper() {
  text_.Clear();
  return text_;
}

void World::At(std::int64_t time, Scene scene) {
  BILLHOOK_CHECK(time >= now_);
  agenda_.push_back({time, sequence_++, std::move(scene)});
  std::push_heap(agenda_.begin(), agenda_.end(), kSceneLater);
}

void World::Publish(std::string id, std::string_view type, std::int64_t delay_s, Fact fact) {
  BILLHOOK_CHECK(delay_s >= 0);
  pending_.push_back({{std::move(id), std::string(type), now_ + delay_s, text_.text()},
                      sequence_++,
                      std::exchange(bookings_, {}),
                      std::move(fact)});
  std::push_heap(pending_.begin(), pending_.end(), kPendingLater);
}

void World::Book(std::int64_t LedgerTruth::*column, std::string_view currency, std::int64_t amount,
                 const Customer* customer, std::int64_t at) {
  bookings_.push_back(
      {column, std::string(currency), amount, customer == nullptr ? std::string() : customer->id, at});
  const std::int64_t change = column == &LedgerTruth::gross ? amount : -amount;
  balances_[std::string(currency)] += change;
}

std::int64_t World::balance(std::string_view currency) const {
  const auto found = balances_.find(currency);
  return found == balances_.end() ? 0 : found->second;
}

SimulatedEvent World::Next() {
  while (pending_.empty() || (!agenda_.empty() && agenda_.front().time < pending_.front().event.created)) {
    BILLHOOK_CHECK(!agenda_.empty());
    std::pop_heap(agenda_.begin(), agenda_.end(), kSceneLater);
    const Appointment appointment = std::move(agenda_.back());
    agenda_.pop_back();
    now_ = appointment.time;
    appointment.scene();
    BILLHOOK_CHECK(bookings_.empty());
  }
  std::pop_heap(pending_.begin(), pending_.end(), kPendingLater);
  Pending pending = std::move(pending_.back());
  pending_.pop_back();
  for (const Booking& booking : pending.bookings) books_.Enter(booking);
  books_.Learn(pending.fact, pending.event.created);
  return std::move(pending.event);
}

std::pair<const Price*, bool> World::PriceOf(const PriceKey& key) {
  const auto [place, is_new] = prices_.try_emplace(key);
  Price& price = place->second;
  if (is_new) {
    price.id = Id("price_");
    price.product = ProductOf(key.tier).first->id;
    price.nickname = NicknameOf(key);
    price.currency = key.currency;
    price.cadence = key.cadence;
    price.scheme = key.scheme;
    price.created = now_;
    price.unit_amount = UnitAmountOf(key);
  }
  return {&price, is_new};
}

std::pair<Product*, bool> World::ProductOf(std::size_t tier) {
  const auto [place, is_new] = products_.try_emplace(tier);
  Product& product = place->second;
  if (is_new) {
    product.id = ShortId("prod_");
    product.name = kTiers.at(tier).name;
    product.description = kTiers.at(tier).description;
    product.created = now_;
    product.updated = now_;
  }
  return {&product, is_new};
}

}  // namespace billhook::simulate
