#include "service/simulate/history.h"

#include <algorithm>
#include <utility>

#include "service/simulate/single_payments.h"
#include "service/simulate/subscription_life.h"
#include "service/simulate/world.h"

namespace billhook::simulate {
namespace {

constexpr std::int64_t kSpan =
    240 * kDay;  // in which so many lives begin that a whole history takes about 300 days
constexpr std::int64_t kEventsPerLife = 42;  // as measured

// The finaliser of SplitMix64: neighbours become strangers.
std::uint64_t Mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Histories that differ share no ID: one ID with two bodies would be no event of Stripe's.
std::uint64_t SeedOf(const HistoryOptions& options) {
  return Mix(Mix(options.seed + 0x9e3779b97f4a7c15) + 2 * options.events + (options.livemode ? 1 : 0));
}

}  // namespace

// Lets new lives arrive, for ever.
class History::Population {
 public:
  Population(World& world, std::uint64_t events) : world_(world) {
    const auto spacing =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(kSpan) * kEventsPerLife / events);
    spacing_ = std::clamp<std::int64_t>(spacing, 1, kSpan);
    world_.After(0, [this] { Arrive(); });
  }

  [[nodiscard]] std::uint64_t lives() const { return lives_; }

 private:
  void Arrive() {
    Begin(world_.fates().plots.Deal(world_.random()));
    world_.After(world_.random().Between((spacing_ + 1) / 2, spacing_ + spacing_ / 2), [this] { Arrive(); });
  }

  void Begin(Plot plot) {
    switch (plot) {
      case Plot::kPayout:
        return BeginPayout(world_);
      case Plot::kCatalogueChange:
        return ChangeCatalogue(world_);
      case Plot::kThinEvent:
        return TellThinEvent(world_);
      case Plot::kCheckout:
      case Plot::kBankDebit:
      case Plot::kAuthorises:
      case Plot::kChargesDirectly:
      case Plot::kRetriesCard:
      case Plot::kAbandons:
        ++lives_;
        return BeginSinglePayment(world_, plot);
      default:
        ++lives_;
        return std::make_shared<SubscriptionLife>(world_, plot)->Begin();
    }
  }

  World& world_;
  std::int64_t spacing_ = 1;
  std::uint64_t lives_ = 0;
};

History::History(const HistoryOptions& options)
    : left_(options.events),
      world_(std::make_unique<World>(SeedOf(options), options)),
      population_(std::make_unique<Population>(*world_, std::max<std::uint64_t>(options.events, 1))) {}

History::~History() = default;

std::optional<SimulatedEvent> History::Next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  return world_->Next();
}

std::uint64_t History::lives() const {
  return population_->lives();
}

const Truth& History::truth() const {
  return world_->truth();
}

std::vector<std::string> GenerateHistory(const HistoryOptions& options, Truth* truth) {
  History history(options);
  std::vector<std::string> bodies;
  bodies.reserve(options.events);
  while (std::optional<SimulatedEvent> event = history.Next()) bodies.push_back(std::move(event->body));
  if (truth != nullptr) *truth = history.truth();
  return bodies;
}

}  // namespace billhook::simulate
