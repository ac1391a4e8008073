#include "service/storage/timeline.h"

#include "service/storage/event_log.h"

namespace billhook::storage {

std::string Timeline::Events(Parameters& parameters, std::string_view as) const {
  if (!branch_) return "events AS " + std::string(as);
  const auto bind = [&parameters](Parameter value) {
    parameters.push_back(std::move(value));
    return "$" + std::to_string(parameters.size());
  };
  // Both engines look into each half through its own indexes. A condition on the position within the branch's
  // half would keep SQLite from that: callers who must not see later events bound the position themselves.
  const std::string fork = bind(branch_->fork);
  return "(SELECT " + kEventColumns + " FROM events WHERE position <= " + fork + " UNION ALL SELECT " +
         kEventColumns + " FROM branch_events WHERE branch = " + bind(branch_->id) + ") AS " +
         std::string(as);
}

}  // namespace billhook::storage
