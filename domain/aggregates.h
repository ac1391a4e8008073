// Our own aggregates and how they evolve, in one place: whoever folds events (the command bus, replay,
// snapshots, projections) asks here. An event of source `stripe` never counts, whatever it is named: its
// sender cannot move our accounts. Pure, thread safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/command.h"
#include "domain/event.h"

namespace billhook {

// Whether aggregates of the type have rules of their own.
bool HasRules(std::string_view aggregate_type);

// The state after the event, `state` (null before the first event) being what was before it; or the reason
// why the event cannot be used, quoting nothing of it. The aggregate's type has rules of its own.
Result<Json, std::string> EvolveStrictly(const Json& state, const Event& event);

// The same for whoever folds a whole stream: an event that cannot be used leaves the state as it was. Nothing
// for an aggregate type without rules of its own.
std::optional<Json> EvolveState(std::string_view aggregate_type, const Json& state, const Event& event);

}  // namespace billhook
