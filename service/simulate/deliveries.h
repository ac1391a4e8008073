// A history in the order in which it is to be sent: as told or shuffled, some events twice. Holds at most
// kMaxDeliveriesAtOnce bodies (about 220 MiB): what a later part needs of the history's beginning is told
// again, which is cheaper than keeping it. The same options give the same sequence on every machine. Not
// thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "service/simulate/history.h"

namespace billhook::simulate {

inline constexpr std::uint64_t kMaxEvents = 10'000'000;
inline constexpr std::size_t kMaxDeliveriesAtOnce = 50'000;

struct DeliveryOptions {
  HistoryOptions history;
  bool shuffle = false;
  double duplicates_percent = 0;  // of the events are sent a second time, at a random later place
};

struct Delivery {
  std::uint32_t number = 0;               // of the event in its history, from 0
  const SimulatedEvent* event = nullptr;  // lives until the next call of Next()
};

class Deliveries {
 public:
  // `history.events` is at most kMaxEvents.
  explicit Deliveries(const DeliveryOptions& options, std::size_t at_once = kMaxDeliveriesAtOnce);

  // The next part of the sequence; empty at its end.
  const std::vector<Delivery>& Next();

  [[nodiscard]] std::size_t size() const { return order_.size(); }
  [[nodiscard]] std::uint64_t events() const { return options_.history.events; }

 private:
  void Rewind();

  const DeliveryOptions options_;
  const std::size_t at_once_;
  std::vector<std::uint32_t> order_;  // numbers of events
  std::size_t next_ = 0;
  std::unique_ptr<History> history_;
  std::uint32_t told_ = 0;  // how many events history_ has told
  std::vector<SimulatedEvent> events_;
  std::vector<Delivery> part_;
};

}  // namespace billhook::simulate
