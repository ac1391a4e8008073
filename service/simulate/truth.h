// What a simulated history amounts to: the facts that billhook's read models must show, kept by the
// storyteller in the meaning of the public contract and never read off an event. Amounts are minor units,
// times Unix seconds. Plain values: as thread safe as those.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace billhook::simulate {

// One currency's sums, by the columns of GET /ledger/balances.
struct LedgerTruth {
  std::int64_t gross = 0;
  std::int64_t refunded = 0;
  std::int64_t disputed = 0;
  std::int64_t fees = 0;
  std::int64_t paid_out = 0;

  [[nodiscard]] std::int64_t net() const { return gross - refunded - disputed - fees; }
  bool operator==(const LedgerTruth&) const = default;
};

struct SubscriptionTruth {
  std::string status, customer, currency;
  std::optional<std::int64_t> mrr;  // nothing: an item has no unit amount
  std::int64_t items = 0;

  bool operator==(const SubscriptionTruth&) const = default;
};

struct InvoiceTruth {
  std::string status, customer, subscription, currency;
  std::int64_t amount_due = 0;
  std::int64_t amount_paid = 0;
  std::int64_t paid_at = 0;  // 0: not paid
  bool deleted = false;      // a draft that was thrown away

  bool operator==(const InvoiceTruth&) const = default;
};

struct PaymentTruth {
  std::string currency;
  std::int64_t amount = 0;
  std::int64_t at = 0;  // when it was made: for a charge its creation

  bool operator==(const PaymentTruth&) const = default;
};

struct CustomerTruth {
  bool deleted = false;
  std::int64_t active_subscriptions = 0;
  std::map<std::string, LedgerTruth> ledger;  // by currency: of the entries that bear this customer
  std::optional<PaymentTruth> last_payment;

  bool operator==(const CustomerTruth&) const = default;
};

// How the monthly recurring revenue of one currency moved within some time; all are 0 or more.
struct RevenueTruth {
  std::int64_t started = 0;  // a subscription's first revenue ever
  std::int64_t expansion = 0;
  std::int64_t contraction = 0;
  std::int64_t churn = 0;         // down to nothing
  std::int64_t reactivation = 0;  // from nothing, but not for the first time

  [[nodiscard]] std::int64_t net() const { return started + expansion - contraction - churn + reactivation; }
  bool operator==(const RevenueTruth&) const = default;
};

struct Truth {
  std::map<std::string, LedgerTruth> ledger;               // by currency
  std::map<std::string, SubscriptionTruth> subscriptions;  // by ID, as all below
  std::map<std::string, InvoiceTruth> invoices;
  std::map<std::string, CustomerTruth> customers;
  std::map<std::string, std::map<std::int64_t, RevenueTruth>> revenue;  // by currency and day since 1970

  bool operator==(const Truth&) const = default;
};

}  // namespace billhook::simulate
