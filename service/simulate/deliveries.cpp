#include "service/simulate/deliveries.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "domain/check.h"
#include "service/simulate/random.h"

namespace billhook::simulate {
namespace {

constexpr std::uint64_t kOrderSeed = 0x6f72646572;  // apart from the history's own chance

std::vector<std::uint32_t> InOrder(std::size_t count) {
  std::vector<std::uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

struct Resend {
  std::size_t after;  // the place in the first order that it follows
  std::uint32_t number;
};

std::vector<std::uint32_t> WithDuplicates(const std::vector<std::uint32_t>& first, double percent,
                                          Random& random) {
  std::vector<std::uint32_t> places = InOrder(first.size());
  Shuffle(places, random);
  places.resize(static_cast<std::size_t>(static_cast<double>(first.size()) * percent / 100));
  std::vector<Resend> resends;
  resends.reserve(places.size());
  for (const std::uint32_t place : places) {
    resends.push_back({place + random.Below(first.size() - place), first[place]});
  }
  std::sort(resends.begin(), resends.end(), [](const Resend& a, const Resend& b) {
    return std::pair(a.after, a.number) < std::pair(b.after, b.number);
  });
  std::vector<std::uint32_t> order;
  order.reserve(first.size() + resends.size());
  auto resend = resends.begin();
  for (std::size_t i = 0; i < first.size(); ++i) {
    order.push_back(first[i]);
    for (; resend != resends.end() && resend->after == i; ++resend) order.push_back(resend->number);
  }
  return order;
}

}  // namespace

Deliveries::Deliveries(const DeliveryOptions& options, std::size_t at_once)
    : options_(options), at_once_(at_once) {
  BILLHOOK_CHECK(options.history.events <= kMaxEvents);
  BILLHOOK_CHECK(at_once > 0);
  Random random(options.history.seed ^ kOrderSeed);
  order_ = InOrder(options.history.events);
  if (options.shuffle) Shuffle(order_, random);
  if (options.duplicates_percent > 0) order_ = WithDuplicates(order_, options.duplicates_percent, random);
  Rewind();
}

void Deliveries::Rewind() {
  history_ = std::make_unique<History>(options_.history);
  told_ = 0;
}

const std::vector<Delivery>& Deliveries::Next() {
  const std::size_t end = std::min(order_.size(), next_ + at_once_);
  std::vector<std::uint32_t> needed(order_.begin() + static_cast<std::ptrdiff_t>(next_),
                                    order_.begin() + static_cast<std::ptrdiff_t>(end));
  std::sort(needed.begin(), needed.end());
  needed.erase(std::unique(needed.begin(), needed.end()), needed.end());

  events_.clear();
  if (!needed.empty() && needed.front() < told_) Rewind();
  for (const std::uint32_t number : needed) {
    std::optional<SimulatedEvent> event;
    for (; told_ <= number; ++told_) event = history_->Next();
    BILLHOOK_CHECK(event.has_value());
    events_.push_back(std::move(*event));
  }
  part_.clear();
  for (; next_ < end; ++next_) {
    const auto place = std::lower_bound(needed.begin(), needed.end(), order_[next_]) - needed.begin();
    part_.push_back({order_[next_], &events_[static_cast<std::size_t>(place)]});
  }
  return part_;
}

}  // namespace billhook::simulate
