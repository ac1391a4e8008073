// A seeded history of billing life as Stripe would tell it: whole lives of customers, subscriptions,
// invoices, payments, refunds, disputes and payouts, interleaved and in order of `created`, in several API
// versions and four currencies. The same options give byte-identical events on every machine, another seed,
// length or mode shares no ID with them (another Connect account no event's ID); no clock is read. Memory
// grows with the lives that are open at once (about one for every 50 events), not with the bodies. Not thread
// safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "service/simulate/truth.h"

namespace billhook::simulate {

struct HistoryOptions {
  std::uint64_t seed = 1;
  std::uint64_t events = 1'000;  // exactly so many; their number also sets how densely lives begin
  bool livemode = true;
  std::string account = {};  // Connect; the same lives on two accounts bear the same objects' IDs
  bool pretty = true;        // indented by two blanks as Stripe sends; else compact, one line
};

struct SimulatedEvent {
  std::string id;
  std::string type;
  std::int64_t created = 0;  // Unix seconds
  std::string body;
};

class World;

class History {
 public:
  explicit History(const HistoryOptions& options);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  // The next event, or nothing after `options.events` of them.
  std::optional<SimulatedEvent> Next();

  // What exactly those events amount to that Next() has given out; no event is read for it.
  [[nodiscard]] const Truth& truth() const;

  // How many lives of customers and guests have begun.
  [[nodiscard]] std::uint64_t lives() const;

 private:
  class Population;
  std::uint64_t left_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Population> population_;
};

// All bodies at once; `truth` receives the truth of all of them when it is given.
std::vector<std::string> GenerateHistory(const HistoryOptions& options, Truth* truth = nullptr);

}  // namespace billhook::simulate
