// The read model `payment_ledger`: a double-entry journal derived from the newest state of each object that
// moves money. An entry changes when its source does; the log keeps every step. entries.h holds the booking
// rules, this file which objects an event touches and which entries must be looked at again. Immutable,
// thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class PaymentLedger : public Projection {
 public:
  static const Table kEntriesTable;

  [[nodiscard]] std::string_view name() const override { return "payment_ledger"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override;
  [[nodiscard]] std::vector<std::string_view> payloads() const override {
    return {"charge.", "payment_intent.", "refund.", "payout.", "invoice.", "invoice_payment."};
  }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
