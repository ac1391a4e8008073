#include "domain/sagas/sequence.h"

#include "domain/check.h"

namespace billhook::sagas {
namespace {

Step StepOf(const SequenceStep& step, std::string_view name, const Json& saga) {
  return {std::string(name), std::string(step.aggregate_type),
          saga.at("data").at(std::string(step.id_member)).get<std::string>()};
}

// The last step that was done and is still to be undone, nullptr when there is none; `undone` counts as
// undone.
const SequenceStep* LastToUndo(Sequence steps, const Json& saga, std::string_view undone = {}) {
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if (step->undo_name.empty() || step->undo_name == undone) continue;
    if (IsDone(saga, step->name) && !IsDone(saga, step->undo_name)) return &*step;
  }
  return nullptr;
}

Progress TakeForward(Sequence steps, const SequenceStep& step, const Json& saga, const Json& aggregate,
                     UnixMicros now) {
  Attempt attempt = step.act(saga, aggregate);
  if (!attempt) {
    const Status status = LastToUndo(steps, saga) == nullptr ? Status::kFailed : Status::kCompensating;
    return {{}, StepFailed(step.name, status, attempt.error(), std::nullopt, now)};
  }
  const Status status = &step == &steps.back() ? Status::kCompleted : Status::kRunning;
  return {std::move(attempt->effects), StepCompleted(step.name, status, now, attempt->result)};
}

Progress TakeBack(Sequence steps, const SequenceStep& step, const Json& saga, const Json& aggregate,
                  UnixMicros now) {
  Attempt attempt = step.undo(saga, aggregate);
  if (!attempt) {
    return {
        {},
        StepFailed(step.undo_name, Status::kCompensating, attempt.error(), now + kCompensationRetry, now)};
  }
  const bool last = LastToUndo(steps, saga, step.undo_name) == nullptr;
  return {std::move(attempt->effects),
          StepCompleted(step.undo_name, last ? Status::kCompensated : Status::kCompensating, now,
                        attempt->result)};
}

}  // namespace

std::optional<Step> NextIn(Sequence steps, const Json& saga, UnixMicros now) {
  const Status status = StatusOf(saga);
  if (status == Status::kRunning) {
    for (const SequenceStep& step : steps) {
      if (!IsDone(saga, step.name)) return StepOf(step, step.name, saga);
    }
  }
  if (status == Status::kCompensating && DueAt(saga).value_or(now) <= now) {
    if (const SequenceStep* step = LastToUndo(steps, saga)) return StepOf(*step, step->undo_name, saga);
  }
  return std::nullopt;
}

Progress TakeIn(Sequence steps, const Json& saga, const Step& step, const Json& aggregate, UnixMicros now) {
  for (const SequenceStep& known : steps) {
    if (known.name == step.name) return TakeForward(steps, known, saga, aggregate, now);
    if (known.undo_name == step.name) return TakeBack(steps, known, saga, aggregate, now);
  }
  BILLHOOK_CHECK(!"a step of the sequence");
  std::abort();
}

}  // namespace billhook::sagas
