// The ledger's rules: which entries the newest states of the source objects book. Double entry: an entry
// debits one ledger account and credits another by the same amount, so every journal balances. Nothing moved,
// nothing booked: there are no entries over zero. Pure functions of a set of objects; thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/money.h"
#include "projections/payment_ledger/sightings.h"

namespace billhook::ledger {

struct Entry {
  std::string type;    // "payment", "refund", "dispute", "fee", "payout", "manual_payment", "adjustment"
  std::string source;  // the source object's ID; the entry's ID is "type:source"
  std::int64_t amount = 0;
  std::string currency;
  std::string debit;   // the ledger account that the amount is added to
  std::string credit;  // the ledger account that it is taken from
  std::optional<std::string> customer;
  std::optional<std::string> payment_intent;
  std::optional<std::string> charge;
  std::optional<std::string> invoice;
  std::int64_t occurred_at_s = 0;
  std::string updated_by;  // the newest event that the entry comes from
};

using Entries = std::vector<Entry>;

using Objects = std::vector<const SourceObject*>;

// What an object and those it belongs to say of whom and what a movement of money is about, as far as they
// have arrived.
struct Links {
  std::optional<std::string> customer;
  std::optional<std::string> payment_intent;
  std::optional<std::string> invoice;
};

// The `payment` of an intent (nullptr while it has not arrived) with the charges that name it, or of one
// charge without an intent: the larger of amount_received and the sum of what its charges captured. `source`
// is the ID of the intent, or of that charge.
Entries PaymentEntries(const std::string& source, const SourceObject* intent, const Objects& charges,
                       const Links& links);

// The `refund` of what a charge says was refunded beyond the refund objects that are known for it, whatever
// their status: for accounts that get `charge.refunded` only. `unnamed` is the charge's share of what refunds
// without a charge brought back of its payment.
Entries RefundRestEntries(const SourceObject& charge, const Objects& refunds, Int128 unnamed,
                          const Links& links);

Entries RefundEntries(const SourceObject& refund, const Links& links);
Entries DisputeEntries(const SourceObject& dispute, const Links& links);
Entries PayoutEntries(const SourceObject& payout);

// The `payment` that an invoice says was made beside Stripe, less what its invoice payments say of it: newer
// API versions tell of it there, and a company may receive both shapes.
Entries OutOfBandInvoiceEntries(const SourceObject& invoice, const Objects& invoice_payments);
Entries OutOfBandPaymentEntries(const SourceObject& invoice_payment, const Links& links);

// The `fee` of each balance transaction of the object that is present in full. Where two objects tell of one
// transaction, the caller keeps one of the two.
Entries FeeEntries(const SourceObject& object, const Links& links);

}  // namespace billhook::ledger
