// A seeded history of billing life as Stripe would tell it: whole lives of customers, subscriptions,
// invoices, payments, refunds, disputes and payouts, interleaved and in order of `created`, in several API
// versions and three currencies. The same options give byte-identical events on every machine, another seed,
// length or mode shares no ID with them; no clock is read. Memory grows with the lives that are open at once
// (about one for every 50 events), not with the bodies. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace billhook::simulate {

struct HistoryOptions {
  std::uint64_t seed = 1;
  std::uint64_t events = 1'000;  // exactly so many; their number also sets how densely lives begin
  bool livemode = true;
  bool pretty = true;  // indented by two blanks as Stripe sends; else compact, one line
};

struct SimulatedEvent {
  std::string id;
  std::string type;
  std::int64_t created = 0;  // Unix seconds
  std::string body;
};

// One currency's sums in minor units, by the meaning of the columns of GET /ledger/balances.
struct LedgerTruth {
  std::int64_t gross = 0;
  std::int64_t refunded = 0;
  std::int64_t disputed = 0;
  std::int64_t fees = 0;
  std::int64_t paid_out = 0;

  bool operator==(const LedgerTruth&) const = default;
};

// What the events told so far amount to, as the storyteller knows it: no event is read for it.
struct Truth {
  std::map<std::string, LedgerTruth> ledger;         // by currency
  std::map<std::string, std::string> subscriptions;  // ID -> status
  std::map<std::string, std::string> invoices;       // ID -> status
  std::map<std::string, bool> customers;             // ID -> deleted

  bool operator==(const Truth&) const = default;
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

  // The truth of exactly those events that Next() has given out.
  [[nodiscard]] const Truth& truth() const;

 private:
  class Population;
  std::uint64_t left_;
  std::unique_ptr<World> world_;
  std::unique_ptr<Population> population_;
};

// All bodies at once; `truth` receives the truth of all of them when it is given.
std::vector<std::string> GenerateHistory(const HistoryOptions& options, Truth* truth = nullptr);

}  // namespace billhook::simulate
