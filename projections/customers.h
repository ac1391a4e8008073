// The read model `customers`: each Stripe customer in its newest state. Deletion is final: once it is known,
// `deleted` stays true whatever else arrives. All else is what the newest state says, also where that is the
// deletion and says no more than the ID: contact details that Stripe no longer tells are not kept. What comes
// of other read models (subscriptions, payments) is joined when somebody asks. Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class Customers : public Projection {
 public:
  static const Table kTable;
  // What the column `email_key` holds for an address: a digest, since addresses have no limit that an index
  // could rely on.
  static std::string EmailKey(std::string_view email);

  [[nodiscard]] std::string_view name() const override { return "customers"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override {
    return {"customer.created", "customer.updated", "customer.deleted"};
  }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
