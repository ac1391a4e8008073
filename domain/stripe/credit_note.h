// A Stripe credit note in one canonical shape, whatever API version it came in. Amounts are int64 minor
// units, 0 or more. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

struct CreditNote {
  std::string id;
  std::optional<std::string> number;
  std::optional<std::string> invoice;
  std::optional<std::string> customer;
  std::string status;  // "issued", "void"
  std::optional<std::string> reason;
  std::string currency;
  std::int64_t amount = 0;
  std::int64_t total = 0;  // the amount, where it is not told
  std::optional<std::int64_t> out_of_band_amount;
  std::vector<std::string> refunds;  // their IDs; refunds beside Stripe have none
  std::optional<std::int64_t> created_s;
};

// The credit note, or the reason why it cannot be used.
Result<CreditNote, std::string> DecodeCreditNote(const Json& object);

}  // namespace billhook::stripe
