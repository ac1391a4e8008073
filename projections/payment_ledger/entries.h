// The ledger's rules: which entries the newest states of the source objects book. Double entry: an entry
// debits one ledger account and credits another by the same amount, so every journal balances. Nothing moved,
// nothing booked: there are no entries over zero. Pure functions of a set of objects; thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/stripe/money_object.h"
#include "domain/stripe/newest.h"

namespace billhook::ledger {

// A source object with all that its events say. `state` is its newest state, but for the balance
// transactions, which are those of its newest state that lists any.
struct SourceObject {
  stripe::MoneyObject state;
  stripe::Moment moment;         // of the newest event
  std::string event_id;          // the newest event
  bool funds_withdrawn = false;  // dispute: whether such an event is known
  bool funds_reinstated = false;
};

struct Entry {
  std::string type;    // "payment", "refund", "dispute", "fee", "payout"
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

// The `payment` of an intent (nullptr while it has not arrived) with the charges that name it, or of one
// charge without an intent: the larger of amount_received and the sum of what its charges captured.
Entries PaymentEntries(const std::string& source, const SourceObject* intent,
                       const std::vector<const SourceObject*>& charges);

// The `refund` of what a charge says was refunded beyond the refund objects that are known for it, whatever
// their status: for accounts that get `charge.refunded` only.
Entries RefundRestEntries(const SourceObject& charge, const std::vector<const SourceObject*>& refunds);

// `charge` links the entry to customer, payment intent and invoice once it has arrived; nullptr before.
Entries RefundEntries(const SourceObject& refund, const SourceObject* charge);
Entries DisputeEntries(const SourceObject& dispute, const SourceObject* charge);
Entries PayoutEntries(const SourceObject& payout);

// The `payment` of an invoice, or of an invoice payment, that was made beside Stripe.
Entries OutOfBandEntries(const SourceObject& paid);

// The `fee` of each balance transaction of the object that is present in full.
Entries FeeEntries(const SourceObject& object, const SourceObject* charge);

}  // namespace billhook::ledger
