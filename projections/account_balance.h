// The read model `account_balance`: each prepaid account with its owner, currency, balance and its latest
// transactions (all of them are its stream). Made from our own events alone: a Stripe event named
// MoneyDeposited books nothing. An account's events count in the order of their versions, whenever they
// come (projections/in_order.h). Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class AccountBalance : public Projection {
 public:
  static constexpr std::size_t kTransactionsShown = 100;  // the newest ones
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "account_balance"; }
  [[nodiscard]] int version() const override { return 3; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override {
    return {"AccountCreated", "MoneyDeposited", "MoneyWithdrawn", "MoneyRefunded", "AccountClosed"};
  }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
