// The read model `invoices`: each Stripe invoice in its newest state. Deletion is final: once it is known,
// `deleted` stays true whatever else arrives. `invoice.upcoming` tells of an invoice that does not exist yet,
// invoice items and invoice payments are objects of their own. Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class Invoices : public Projection {
 public:
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "invoices"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {"invoice."}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
