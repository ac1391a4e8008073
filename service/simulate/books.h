// Keeps the Truth while a history is told: what each event makes known about one object, and the money that
// it is the first to tell of. Movements of revenue follow the contract: of several states of a subscription
// within one second only the last counts. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "service/simulate/truth.h"

namespace billhook::simulate {

struct Booking {
  std::int64_t LedgerTruth::*column = nullptr;
  std::string currency;
  std::int64_t amount = 0;
  std::string customer;  // empty: the ledger knows none
  std::int64_t at = 0;   // of a payment: when it was made
};

struct SubscriptionFact {
  std::string id;
  SubscriptionTruth state;
};
struct InvoiceFact {
  std::string id;
  InvoiceTruth state;
};
struct CustomerFact {
  std::string id;
  bool deleted = false;
};
using Fact = std::variant<std::monostate, SubscriptionFact, InvoiceFact, CustomerFact>;

class Books {
 public:
  [[nodiscard]] const Truth& truth() const { return truth_; }

  void Enter(const Booking& booking);
  // What an event of the second `created` tells.
  void Learn(const Fact& fact, std::int64_t created);

 private:
  // A subscription's revenue before the present second and now.
  struct Revenue {
    std::int64_t before = 0;
    std::int64_t now = 0;
    std::int64_t second = 0;
    bool earned_before = false;
  };

  void LearnSubscription(const SubscriptionFact& fact, std::int64_t created);
  void Move(const Revenue& revenue, const std::string& currency, int sign);

  Truth truth_;
  std::map<std::string, Revenue> revenues_;  // by subscription
};

}  // namespace billhook::simulate
