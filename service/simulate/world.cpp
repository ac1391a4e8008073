#include "service/simulate/world.h"

#include <algorithm>

#include "domain/check.h"

namespace billhook::simulate {
namespace {

struct Tier {
  std::string_view name, description;
  std::int64_t monthly_usd, monthly_eur, monthly_jpy;
};

constexpr std::array<Tier, 4> kTiers = {{
    {"Starter", "For one person and a few projects.", 900, 850, 1'200},
    {"Team", "For small teams, with shared workspaces.", 2'900, 2'700, 4'200},
    {"Business", "For companies: roles, audit log, single sign-on.", 9'900, 9'500, 14'800},
    {"Enterprise", "For large organisations, with support day & night.", 49'900, 47'900, 74'000},
}};

// For the standard heaps, which keep the greatest on top: the later is the lesser.
constexpr auto kPendingLater = [](const auto& a, const auto& b) {
  return std::tie(a.event.created, a.sequence) > std::tie(b.event.created, b.sequence);
};
constexpr auto kSceneLater = [](const auto& a, const auto& b) {
  return std::tie(a.time, a.sequence) > std::tie(b.time, b.sequence);
};

}  // namespace

JsonText& World::Paper() {
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

void World::Book(std::int64_t LedgerTruth::*column, std::string_view currency, std::int64_t amount) {
  bookings_.push_back({column, std::string(currency), amount});
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
  Learn(pending);
  return std::move(pending.event);
}

void World::Learn(const Pending& pending) {
  for (const Booking& booking : pending.bookings)
    truth_.ledger[booking.currency].*booking.column += booking.amount;
  switch (pending.fact.about) {
    case Fact::About::kNothing:
      break;
    case Fact::About::kSubscription:
      truth_.subscriptions[pending.fact.id] = pending.fact.status;
      break;
    case Fact::About::kInvoice:
      truth_.invoices[pending.fact.id] = pending.fact.status;
      break;
    case Fact::About::kCustomer:
      truth_.customers[pending.fact.id] = pending.fact.status == "deleted";
      break;
  }
}

std::pair<const Price*, bool> World::PriceOf(std::size_t tier, std::string_view currency,
                                             std::string_view interval) {
  const auto key = std::make_tuple(tier, std::string(currency), std::string(interval));
  const auto [place, is_new] = prices_.try_emplace(key);
  Price& price = place->second;
  if (is_new) {
    const Tier& of = kTiers.at(tier);
    const std::int64_t monthly = currency == "usd"   ? of.monthly_usd
                                 : currency == "eur" ? of.monthly_eur
                                                     : of.monthly_jpy;
    price.id = random_.Id("price_");
    price.product = ProductOf(tier).first->id;
    price.nickname = std::string(of.name) + " by the " + std::string(interval);
    price.currency = currency;
    price.interval = interval;
    price.created = now_;
    price.unit_amount = interval == "year" ? monthly * 10 : interval == "week" ? monthly / 3 : monthly;
  }
  return {&price, is_new};
}

std::pair<Product*, bool> World::ProductOf(std::size_t tier) {
  const auto [place, is_new] = products_.try_emplace(tier);
  Product& product = place->second;
  if (is_new) {
    product.id = random_.ShortId("prod_");
    product.name = kTiers.at(tier).name;
    product.description = kTiers.at(tier).description;
    product.created = now_;
    product.updated = now_;
  }
  return {&product, is_new};
}

}  // namespace billhook::simulate
