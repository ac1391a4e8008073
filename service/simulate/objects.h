// Stripe's objects as the simulation keeps them: the facts behind every API version's shape, which render.h
// writes. Times are Unix seconds, 0 = null; an empty ID = null; amounts are minor units. Plain values: as
// thread safe as those.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace billhook::simulate {

struct Person {
  std::string_view name, mailbox, phone, line1, city, postal_code, state, country, locale;
};

struct PaymentMethod {
  std::string id, customer, type, brand, funding, country, last4, fingerprint;
  std::int64_t created = 0;
  int exp_month = 0;
  int exp_year = 0;
  const Person* owner = nullptr;
};

struct Customer {
  std::string id, email, currency, invoice_prefix, default_payment_method, user_id;
  const Person* person = nullptr;
  std::int64_t created = 0;
  std::int64_t next_invoice_sequence = 1;
  bool delinquent = false;
};

struct Product {
  std::string id, name, description;
  std::int64_t created = 0;
  std::int64_t updated = 0;
};

// Every `count` units.
struct Cadence {
  std::string_view unit = "month";
  int count = 1;

  auto operator<=>(const Cadence&) const = default;
};

enum class Scheme { kPerUnit, kMetered, kMeteredInTiers, kTiered };

struct Price {
  std::string id, product, nickname, currency;
  Cadence cadence;
  Scheme scheme = Scheme::kPerUnit;
  std::int64_t created = 0;
  std::int64_t unit_amount = 0;  // of a tiered price: that of its first tier
};

inline bool IsMetered(const Price& price) {
  return price.scheme == Scheme::kMetered || price.scheme == Scheme::kMeteredInTiers;
}

// Then it has no one unit amount.
inline bool IsTiered(const Price& price) {
  return price.scheme == Scheme::kTiered || price.scheme == Scheme::kMeteredInTiers;
}

struct SubscriptionItem {
  std::string id;
  const Price* price = nullptr;
  std::int64_t quantity = 1;
  std::int64_t created = 0;
  std::int64_t period_start = 0;  // 0: the subscription's; else the item has a period of its own
  std::int64_t period_end = 0;

  bool operator==(const SubscriptionItem&) const = default;
};

// Billed flexibly, items may have intervals and periods of their own.
enum class BillingMode { kClassic, kFlexible };

struct Subscription {
  std::string id, customer, status, currency, latest_invoice, default_payment_method, pending_setup_intent;
  std::string cancellation_reason, cancellation_feedback, paused_collection_behavior, metadata_seats;
  std::string collection_method = "charge_automatically";
  std::vector<SubscriptionItem> items;
  std::int64_t created = 0;
  std::int64_t period_start = 0;
  std::int64_t period_end = 0;
  std::int64_t trial_start = 0;
  std::int64_t trial_end = 0;
  std::int64_t cancel_at = 0;
  std::int64_t canceled_at = 0;
  std::int64_t ended_at = 0;
  bool cancel_at_period_end = false;
  BillingMode billing_mode = BillingMode::kClassic;
};

struct InvoiceLine {
  std::string id, description, subscription, subscription_item, invoice_item;
  const Price* price = nullptr;
  std::int64_t amount = 0;
  std::int64_t quantity = 1;
  std::int64_t period_start = 0;
  std::int64_t period_end = 0;
  bool proration = false;
};

// What tells since 2025-03-31 how an invoice was paid. `payment_intent` or `payment_record` is set.
struct InvoicePayment {
  std::string id, invoice, currency, payment_intent, payment_record, status;
  std::int64_t amount = 0;
  std::int64_t created = 0;
  std::int64_t paid_at = 0;
};

struct Invoice {
  std::string id, number, status, currency, subscription, billing_reason, collection_method, hosted_key;
  std::string payment_intent, charge;
  std::shared_ptr<const Customer> customer;
  std::vector<InvoiceLine> lines;
  std::vector<InvoicePayment> payments;
  std::int64_t created = 0;
  std::int64_t period_start = 0;
  std::int64_t period_end = 0;
  std::int64_t total = 0;
  std::int64_t amount_paid = 0;
  std::int64_t attempt_count = 0;
  std::int64_t next_payment_attempt = 0;
  std::int64_t due_date = 0;
  std::int64_t finalized_at = 0;
  std::int64_t paid_at = 0;
  std::int64_t voided_at = 0;
  std::int64_t marked_uncollectible_at = 0;
  bool attempted = false;
  bool auto_advance = true;
  bool paid_out_of_band = false;
  bool deleted = false;
};

struct InvoiceItem {
  InvoiceLine line;
  std::string customer, currency;
  std::int64_t created = 0;
};

struct Refund {
  std::string id, charge, payment_intent, currency, status, reason, balance_transaction;
  std::string failure_reason, failure_balance_transaction;
  std::int64_t amount = 0;
  std::int64_t created = 0;
};

struct Charge {
  std::string id, payment_intent, invoice, currency, status, description, balance_transaction, receipt_key,
      dispute;
  std::string failure_code;
  std::shared_ptr<const Customer> customer;  // null: a guest
  std::shared_ptr<const PaymentMethod> method;
  std::vector<std::shared_ptr<const Refund>> refunds;
  std::int64_t amount = 0;
  std::int64_t amount_captured = 0;
  std::int64_t amount_refunded = 0;  // as Stripe counts: with what a partial capture released
  std::int64_t created = 0;
  std::int64_t risk_score = 0;
  bool captured = false;
};

struct PaymentIntent {
  std::string id, client_secret, invoice, currency, status, description, cancellation_reason, failure_code;
  std::string capture_method = "automatic";
  std::shared_ptr<const Customer> customer;  // null: a guest
  std::shared_ptr<const PaymentMethod> method;
  std::vector<std::shared_ptr<const Charge>> charges;
  std::int64_t amount = 0;
  std::int64_t amount_capturable = 0;
  std::int64_t amount_received = 0;
  std::int64_t created = 0;
  std::int64_t canceled_at = 0;
};

struct BalanceTransaction {
  std::string id, source, currency, description, exchange_rate;
  std::int64_t amount = 0;
  std::int64_t fee = 0;
  std::int64_t created = 0;

  bool operator==(const BalanceTransaction&) const = default;
};

struct Dispute {
  std::string id, charge, payment_intent, currency, status, reason;
  std::shared_ptr<const PaymentMethod> method;
  std::vector<BalanceTransaction> balance_transactions;
  std::int64_t amount = 0;
  std::int64_t created = 0;
  std::int64_t due_by = 0;
  std::int64_t submission_count = 0;
  bool lists_transactions = true;
};

struct Payout {
  std::string id, currency, status, balance_transaction, destination, failure_code,
      failure_balance_transaction;
  std::int64_t amount = 0;
  std::int64_t created = 0;
  std::int64_t arrival_date = 0;
  bool automatic = true;
};

struct CheckoutSession {
  std::string id, mode, status, payment_status, currency, payment_intent, subscription, invoice, method_type;
  std::shared_ptr<const Customer> customer;  // null: a guest
  const Person* person = nullptr;
  std::int64_t amount_total = 0;
  std::int64_t created = 0;
};

struct SetupIntent {
  std::string id, customer, status, payment_method, client_secret;
  std::int64_t created = 0;
};

}  // namespace billhook::simulate
