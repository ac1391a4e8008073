// The read model `subscriptions`: each Stripe subscription in its newest state. Deletion is final: once its
// deletion is known, a subscription stays canceled whatever else arrives. Immutable, thread safe.
#pragma once

#include "domain/stripe/event_body.h"
#include "domain/stripe/subscription.h"
#include "projections/projection.h"

namespace billhook {

// The subscription as callers see it, a JSON text: what `newest` says of it, decoded (and canceled where its
// deletion is known). Of `newest` itself only the envelope is read.
std::string SubscriptionBody(const stripe::Subscription& subscription, const stripe::EventBody& newest);

class Subscriptions : public Projection {
 public:
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "subscriptions"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {"customer.subscription."}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
