// The read model `revenue`: monthly recurring revenue over time, as the movements of each subscription. What
// a subscription brings at a point of time is told by the set of its events: in each second in which
// something happened by the newest of that second, from its deletion on 0. So an event that comes late moves
// the past exactly as if it had come in time. Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class Revenue : public Projection {
 public:
  // A row per subscription: its present revenue, and what each second of its life tells.
  static const Table kSubscriptionsTable;
  // A row per movement.
  static const Table kMovementsTable;
  // Whose the movements are, of the subscription of that row key: the key may be longer than an index takes
  // together with a currency, so its digest stands for it.
  static std::string OwnerOf(std::string_view row_key);

  [[nodiscard]] std::string_view name() const override { return "revenue"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override {
    return {&kSubscriptionsTable, &kMovementsTable};
  }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {"customer.subscription."}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
