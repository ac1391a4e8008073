// A saga as the domain sees it: a pure state machine whose steps are events of its own stream. Its state,
// null before it starts, is {"saga_type","status","data","due_at","steps":[{"name","status","at","error",
// "result"}]}. Each event tells the status that it leads to, so a stream means the same whatever the machines
// become later. Machines say which step is next and what taking it means; a step's effect and the event that
// tells of it are recorded together. Pure, thread safe.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/command.h"

namespace billhook::sagas {

constexpr std::string_view kAggregateType = "saga";
constexpr std::string_view kStarted = "SagaStarted";

enum class Status { kRunning, kWaiting, kCompleted, kCompensating, kCompensated, kFailed };
// "running", "waiting", "completed", "compensating", "compensated", "failed".
std::string_view NameOf(Status status);
std::optional<Status> StatusNamed(std::string_view name);
bool HasEnded(Status status);

// Of a saga that has started.
Status StatusOf(const Json& saga);
// When it wants to go on by itself; nothing while it waits for no time.
std::optional<UnixMicros> DueAt(const Json& saga);
// The step as it went the last time, nullptr if it was not tried.
const Json* FindStep(const Json& saga, std::string_view name);
bool IsDone(const Json& saga, std::string_view step);

// Something to do to one aggregate.
struct Step {
  std::string name;
  std::string aggregate_type;
  std::string aggregate_id;
};

// What taking a step records, all of it together: its effects on the aggregate and the saga's own event.
struct Progress {
  std::vector<DecidedEvent> effects;
  DecidedEvent record;
};

struct SagaType {
  std::string_view name;
  // Its first event, or the refusal, for data that fit the type's schema; nullptr where no caller starts it.
  Result<DecidedEvent, CommandRefusal> (*start)(const Json& data, UnixMicros now);
  // What is to be done at that time; nothing while the saga waits and once it has ended.
  std::optional<Step> (*next)(const Json& saga, UnixMicros now);
  // Takes the step that `next` told, `aggregate` being the state of what it is done to.
  Progress (*take)(const Json& saga, const Step& step, const Json& aggregate, UnixMicros now);
};

// The events of sagas, made by machines alone.
DecidedEvent Started(std::string_view type, const Json& data, Status status, std::optional<UnixMicros> due_at,
                     UnixMicros now);
DecidedEvent StepCompleted(std::string_view step, Status status, UnixMicros now,
                           const Json& result = Json::object());
DecidedEvent StepFailed(std::string_view step, Status status, const CommandRefusal& why,
                        std::optional<UnixMicros> due_at, UnixMicros now);
// Its time has moved.
DecidedEvent Rescheduled(Status status, UnixMicros due_at, UnixMicros now);

Result<Json, std::string> EvolveSaga(const Json& state, std::string_view event_type, const Json& event);

// The ID (a UUID of version 8) that follows from these parts, so that what starts a saga twice starts one. No
// part holds a control character.
std::string DerivedId(std::initializer_list<std::string_view> parts);

}  // namespace billhook::sagas
