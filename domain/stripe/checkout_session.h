// A Stripe checkout session in one canonical shape, whatever API version it came in. The oldest sessions say
// neither their mode nor any status, and nothing is made up for them. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

struct CheckoutSession {
  std::string id;
  std::optional<std::string> customer;
  std::optional<std::string> mode;            // "payment", "setup", "subscription"
  std::optional<std::string> status;          // "open", "complete", "expired"
  std::optional<std::string> payment_status;  // "paid", "unpaid", "no_payment_required"
  std::optional<std::string> payment_intent;
  std::optional<std::string> setup_intent;
  std::optional<std::string> subscription;
  std::optional<std::string> invoice;
  std::optional<std::int64_t> amount_total;  // minor units, 0 or more
  std::optional<std::string> currency;       // lower-cased
  std::optional<std::string> client_reference_id;
  std::optional<std::int64_t> created_s;
};

// The session, or the reason why it cannot be used.
Result<CheckoutSession, std::string> DecodeCheckoutSession(const Json& object);

}  // namespace billhook::stripe
