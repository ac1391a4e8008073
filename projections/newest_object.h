// The rule that read models of single objects share: each object stands in the newest state that its events
// tell, and is deleted for good once one of them tells of its deletion. A model says which events it reads,
// how its objects are judged and what a row shows; which events count is decided here alone (by
// newest_events.h), as a function of the set of events. Pure, thread safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/result.h"
#include "domain/stripe/event_body.h"
#include "projections/projection.h"

namespace billhook {

// What one event says of the object that it is about.
struct ObjectSighting {
  std::string id;
  bool deleted = false;  // the object itself says so; a `*.deleted` event says it anyway
};

// What a row shows of an object beside its scope and bookkeeping.
struct ObjectRow {
  std::string id;
  std::vector<Cell> columns;  // the model's own, in the order of NewestObjectTable's
  std::string body;           // JSON text
};

struct ObjectModel {
  const Table& table;       // from NewestObjectTable
  std::string_view object;  // what data.object must be, e.g. "subscription"
  bool (*reads)(std::string_view event_type);
  // The object of an event, or the reason why it cannot be used: such an event is a dead letter.
  Result<ObjectSighting, std::string> (*judge)(const Json& object);
  // The row of an object in its newest state. `newest` has been judged usable.
  ObjectRow (*row)(const stripe::EventBody& newest, bool deleted);
};

// row_key, tenant, id, livemode, account, the model's own columns, deleted, newest, body.
Table NewestObjectTable(std::string_view name, const std::vector<Column>& own_columns);

// The changes that a batch of events makes to the model's table.
Changes ApplyNewest(const ObjectModel& model, const std::vector<RecordedEvent>& batch, ReadModel& read_model);

}  // namespace billhook
