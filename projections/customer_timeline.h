// The read model `customer_timeline`: one row for each Stripe snapshot event that concerns a customer,
// because its object is the customer, names it, or belongs to a charge, payment intent or invoice of which
// some event names it, be it at a few removes (a refund's charge, the charge's intent). Such links may arrive
// before or after: an event that names no customer is kept and gets the one that the newest event of its
// nearest family names (by moment, then event ID), so that every order of arrival ends alike. Events of all
// API versions are read in the newest shape; v2 thin events, the twins of snapshot events, are left out.
// Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class CustomerTimeline : public Projection {
 public:
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "customer_timeline"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override;
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
