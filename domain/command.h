// Commands as the domain sees them: decide(state, command) -> events or a refusal, evolve(state, event) ->
// state. Both are pure; states and commands are JSON documents, so that one bus, one repository and one
// snapshot store serve every aggregate. Values; thread safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"
#include "domain/time.h"

namespace billhook {

// What a command makes happen, before it has an ID and a place.
struct DecidedEvent {
  std::string event_type;
  Json data;
  std::optional<UnixMicros> occurred_at;  // nothing: now
};

// Why a command does not happen. `code` is stable and for machines, `detail` tells a person.
struct CommandRefusal {
  enum class Kind {
    kNotFound,  // the aggregate does not exist
    kConflict,  // its present state forbids it
    kInvalid,   // no state would allow it
  };
  Kind kind = Kind::kConflict;
  std::string code;
  std::string detail;
  std::string pointer;  // a JSON pointer into the command's data; kInvalid alone
};

using Decision = Result<std::vector<DecidedEvent>, CommandRefusal>;

// `state` is null for an aggregate that has no events yet. `command` fits the command type's schema.
using Decide = Decision (*)(const Json& state, const Json& command);

// The state after the event, or the reason why the event cannot be used (quoting nothing of it).
using Evolve = Result<Json, std::string> (*)(const Json& state, std::string_view event_type,
                                             const Json& event);

}  // namespace billhook
