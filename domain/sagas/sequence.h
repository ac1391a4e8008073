// Sagas that take steps one after another: when a step is refused, those done before it are undone in reverse
// order. A refused compensation is never given up: it is tried again after a while, so that nothing stays
// half done. Pure, thread safe.
#pragma once

#include <span>

#include "domain/sagas/saga.h"

namespace billhook::sagas {

// How long a refused compensation waits for its next try.
constexpr UnixMicros kCompensationRetry = 3'600 * kMicrosPerSecond;

struct Done {
  std::vector<DecidedEvent> effects;
  Json result = Json::object();  // for later steps of the same saga
};
// What a step does, `aggregate` being the state of what it is done to (null: it does not exist).
using Attempt = Result<Done, CommandRefusal>;
using Act = Attempt (*)(const Json& saga, const Json& aggregate);

struct SequenceStep {
  std::string_view name;
  std::string_view aggregate_type;
  std::string_view id_member;  // of the saga's data: the aggregate's ID
  Act act = nullptr;
  std::string_view undo_name = {};  // empty: there is nothing to undo
  Act undo = nullptr;
};
using Sequence = std::span<const SequenceStep>;

std::optional<Step> NextIn(Sequence steps, const Json& saga, UnixMicros now);
Progress TakeIn(Sequence steps, const Json& saga, const Step& step, const Json& aggregate, UnixMicros now);

}  // namespace billhook::sagas
