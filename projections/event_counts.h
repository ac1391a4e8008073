// The read model `statistics`: how many events of each type there are, a tenant. Immutable, thread safe.
#pragma once

#include "projections/projection.h"

namespace billhook {

class EventCounts : public Projection {
 public:
  static const Table kTable;

  [[nodiscard]] std::string_view name() const override { return "statistics"; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override;
};

}  // namespace billhook
