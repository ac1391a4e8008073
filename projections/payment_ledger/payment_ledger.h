// The read model `payment_ledger`: a double-entry journal derived from the newest state of each object that
// moves money. An entry changes when its source does; the log keeps every step, and two histories of the
// entries tell what stood at any time. sightings.h holds what events told, entries.h the booking rules,
// family.h which objects book together, manual_entries.h what people book by hand, entry_versions.h the
// histories, this file the way of a batch through them. Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class PaymentLedger : public Projection {
 public:
  [[nodiscard]] std::string_view name() const override { return "payment_ledger"; }
  [[nodiscard]] int version() const override { return 3; }
  [[nodiscard]] std::vector<const Table*> tables() const override;
  [[nodiscard]] std::vector<std::string_view> payloads() const override {
    return {"charge.",          "payment_intent.",       "refund.",       "payout.", "invoice.",
            "invoice_payment.", "ManualPaymentRecorded", "LedgerAdjusted"};
  }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
