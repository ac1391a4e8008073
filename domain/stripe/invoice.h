// A Stripe invoice in one canonical shape, whatever API version it came in. Amounts are int64 minor units;
// credit may make some of them negative. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

struct Invoice {
  std::string id;
  std::optional<std::string> number;
  std::optional<std::string> status;  // nothing in very old shapes that bear no sign of it
  std::optional<std::string> customer;
  std::optional<std::string> subscription;
  std::string currency;
  std::int64_t amount_due = 0;
  std::int64_t amount_paid = 0;
  std::int64_t amount_remaining = 0;
  std::int64_t subtotal = 0;
  std::int64_t total = 0;
  bool paid_out_of_band = false;  // until 2025-03-31; later an invoice payment says so
  std::int64_t attempt_count = 0;
  std::optional<std::int64_t> next_payment_attempt;  // Unix seconds, as all times here
  std::optional<std::int64_t> due_date;
  std::optional<std::int64_t> paid_at;
  std::optional<std::int64_t> created_s;
  std::optional<std::int64_t> period_start;
  std::optional<std::int64_t> period_end;
  std::optional<std::string> billing_reason;
  std::optional<std::string> collection_method;
  std::optional<std::string> payment_intent;  // of its first or only payment through Stripe
  std::optional<std::string> charge;
};

// The invoice, or the reason why it cannot be used.
Result<Invoice, std::string> DecodeInvoice(const Json& object);

}  // namespace billhook::stripe
