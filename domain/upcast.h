// Brings events of our own that were recorded in an older form into the newest one, so that whoever reads
// them (evolve, projections) knows that form alone. One table holds every step, by event type and schema
// version, and says thereby in which version each type is written now; Stripe's objects have theirs in
// domain/stripe/upcast.h. The log keeps what was recorded, and callers see that. Whoever adds a step counts
// up the version of the projections that read the type, and of own aggregates' snapshots
// (service/query/aggregate_state.cpp), where what they tell changes. Pure and thread safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "domain/event.h"
#include "domain/json.h"
#include "domain/result.h"

namespace billhook {

// One step, from the schema version `from` to the next.
struct EventUpcaster {
  std::string_view aggregate_type;
  std::string_view event_type;
  int from;
  std::string_view what;
  // `state` is the aggregate before the event, null before the first. What has the wrong type is left as it
  // is, for the reader to refuse.
  void (*renew)(const Json& state, Json& data);
};

// Sorted by aggregate type, event type and version; the steps of a type lead from 1 on without a gap.
std::span<const EventUpcaster> EventUpcasters();

// The version in which events of the type are written now: 1 for one that never changed.
int SchemaVersionOf(std::string_view aggregate_type, std::string_view event_type);

// Whether a later billhook has written it, in a form that nobody here can read.
bool IsOfALaterBillhook(const Event& event);

// The data of an event of an aggregate with rules, in the newest form; or why they cannot be used, quoting
// nothing of them.
Result<Json, std::string> ReadData(const Event& event, const Json& state);

}  // namespace billhook
