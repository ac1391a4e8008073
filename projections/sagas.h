// The read model `sagas`: each saga with its steps, and when the runtime is to look after it. Made from what
// sagas themselves told: nobody else's event counts. Theirs count in the order of their versions,
// whenever they come (projections/in_order.h). Immutable, thread safe.
#pragma once

#include "domain/json.h"
#include "projections/projection.h"

namespace billhook {

class Sagas : public Projection {
 public:
  // A saga that should go on at once is looked after when nothing was heard of it for so long: whoever runs
  // it has died, or it came with an imported log.
  static constexpr UnixMicros kLeftBehind = 10 * kMicrosPerSecond;
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "sagas"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {"Saga"}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

// The saga as callers see it; `state` is not null.
std::string SagaBody(const std::string& saga_id, const Json& state);

}  // namespace billhook
