#include "service/storage/timeline.h"

#include "service/storage/event_log.h"

namespace billhook::storage {
namespace {

std::string Bind(Parameters& parameters, Parameter value) {
  parameters.push_back(std::move(value));
  return "$" + std::to_string(parameters.size());
}

}  // namespace

std::string Timeline::Events(Parameters& parameters) const {
  if (!branch_) return "events";
  // Both engines look into each half through its own indexes. A condition on the position within the branch's
  // half would keep SQLite from that: callers who must not see later events bound the position themselves.
  const std::string fork = Bind(parameters, branch_->fork);
  return "(SELECT " + kEventColumns + " FROM events WHERE position <= " + fork + " UNION ALL SELECT " +
         kEventColumns + " FROM branch_events WHERE branch = " + Bind(parameters, branch_->id) +
         ") AS events";
}

std::string Timeline::Select(const std::string& columns, const std::string& pairs,
                             const std::string& condition, Parameters& parameters) const {
  // In this order SQLite's planner begins with the pairs; in any it would rather read the whole log.
  const std::string select = "SELECT " + columns + " FROM " + pairs + " CROSS JOIN ";
  if (!branch_) return select + "events WHERE " + condition;
  // The pairs stand in each half: PostgreSQL's planner would read all of a union that is joined to them. The
  // sum keeps the planners from looking for the position in an index where the condition names a stream.
  const std::string fork = Bind(parameters, branch_->fork);
  return select + "events WHERE " + condition + " AND position + 0 <= " + fork + " UNION ALL " + select +
         "branch_events WHERE " + condition + " AND branch = " + Bind(parameters, branch_->id);
}

}  // namespace billhook::storage
