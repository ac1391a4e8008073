// The Stripe objects that move money (charge, payment intent, refund, dispute, payout, and what was paid
// beside Stripe: invoice and invoice payment) in one canonical shape, whatever API version they came in.
// Amounts are int64 minor units. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

enum class MoneyKind { kCharge, kPaymentIntent, kRefund, kDispute, kPayout, kInvoice, kInvoicePayment };

// Stripe's object name: "charge", "payment_intent", "invoice_payment" ...
std::string_view NameOf(MoneyKind kind);
std::optional<MoneyKind> MoneyKindNamed(std::string_view name);

// Which of them an event of this type is about, if any: `charge.dispute.*` is about a dispute,
// `charge.refund.*` about a refund, `invoice.upcoming` about no invoice that exists.
std::optional<MoneyKind> MoneyKindOf(std::string_view event_type);

// A balance transaction that is present in full.
struct BalanceTransaction {
  std::string id;
  std::int64_t amount = 0;  // negative where money left the balance
  std::int64_t fee = 0;     // negative where a fee came back
  std::string currency;     // of the settlement, which may differ from the charge's
  std::optional<std::int64_t> created_s;
};

struct MoneyObject {
  MoneyKind kind = MoneyKind::kCharge;
  std::string id;
  // A payment intent's is amount_received; an invoice's and an invoice payment's is what was paid out of
  // band; a payout's may be negative.
  std::int64_t amount = 0;
  std::int64_t captured = 0;  // charge: what of the amount was captured and succeeded
  std::int64_t refunded = 0;  // charge: amount_refunded less what never was captured; 0 or more
  std::string currency;
  std::string status;
  std::optional<std::string> customer;
  std::optional<std::string> payment_intent;
  std::optional<std::string>
      charge;  // of refund, dispute and invoice payment; of a payment intent the latest
  std::optional<std::string> invoice;
  std::optional<std::int64_t> created_s;
  std::vector<BalanceTransaction> balance_transactions;
};

// The object, or the reason why it cannot be booked.
Result<MoneyObject, std::string> DecodeMoneyObject(MoneyKind kind, const Json& object);

}  // namespace billhook::stripe
