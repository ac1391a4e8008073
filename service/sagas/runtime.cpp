#include "service/sagas/runtime.h"

#include <chrono>

#include "service/log.h"
#include "service/query/sagas_query.h"
#include "service/storage/turn.h"

namespace billhook::sagas {
namespace {

constexpr std::size_t kSagasAtATime = 64;
constexpr Worker::Pace kPace{.step = std::chrono::milliseconds(50),
                             .poll = std::chrono::milliseconds(200),
                             .back_off = std::chrono::seconds(1)};

// Counts and tells what became of a saga: its ID, and nothing that it is about.
OnProgress Reporter(Metrics& metrics) {
  return [&metrics](const SagaKey& saga, const Json& before, const Json& after) {
    const std::string type = after.at("saga_type");
    const std::string status = after.at("status");
    if (before.is_null() || before.at("status") != status) metrics.CountSaga(type, status);
    const Json& steps = after.at("steps");
    if (steps.empty() || steps.back().at("status") != "failed") return;
    log::Warn("saga step refused", {{"saga_id", saga.id},
                                    {"type", type},
                                    {"step", steps.back().at("name")},
                                    {"code", steps.back().at("error").at("code")},
                                    {"status", status}});
  };
}

}  // namespace

Runtime::Runtime(storage::Database& database, storage::LogTail& tail, ingest::GroupCommit& group_commit,
                 Metrics& metrics, UnixMicros grace, Clock clock, Worker::OnFailure on_failure)
    : database_(database),
      clock_(clock),
      sagas_(database, group_commit, std::move(clock), Reporter(metrics)),
      dunning_(database, sagas_, grace),
      stepper_(database, group_commit, Reporter(metrics)),
      follower_(database, tail),
      worker_([this] { return RunOnce(); }, kPace, std::move(on_failure)) {}

Result<Runtime::Begun, Runtime::Refusal> Runtime::Begin(const SagaKey& key, const SagaType& type,
                                                        const Json& data) {
  const Result<DecidedEvent, CommandRefusal> start = type.start(data, clock_());
  if (!start) return Unexpected(Refusal(start.error()));
  Result<SagaLog::Noted, ingest::Refusal> noted = sagas_.Record(key, [&](const Json& state, UnixMicros) {
    return state.is_null() ? std::optional(*start) : std::nullopt;
  });
  if (!noted) return Unexpected(Refusal(noted.error()));
  if (noted->state.at("saga_type") != type.name || noted->state.at("data") != data)
    return Unexpected(Refusal(NotBegun::kOtherSaga));
  return Begun{std::move((*noted).state), noted->position};
}

void Runtime::Start() {
  worker_.Start();
}

void Runtime::Stop() {
  worker_.Stop();
}

void Runtime::Wake() {
  worker_.Wake();
}

bool Runtime::RunOnce() {
  // Read before the log is: what was recorded by then is heeded before any time counts as over.
  const UnixMicros now = clock_();
  Stretch stretch = follower_.Look();
  const bool triggered = !stretch.triggers.empty();
  if (triggered) {
    storage::Turn turn(database_, kTurnName);
    if (!turn.mine() || turn.followed().server != stretch.server) return false;
    std::erase_if(stretch.triggers,
                  [&turn](const Trigger& trigger) { return trigger.position <= turn.followed().position; });
    ReactTo(stretch.triggers, now);
    turn.Finish(stretch.end);
  }
  follower_.Pass(stretch, triggered);
  return !stretch.at_head || RunDue(now);
}

void Runtime::ReactTo(const std::vector<Trigger>& triggers, UnixMicros now) {
  dunning_.Read(triggers);
  std::vector<SagaKey> open;
  const auto run = [&] {
    if (!open.empty()) stepper_.Run(std::exchange(open, {}), now);
  };
  for (const Trigger& trigger : triggers) {
    if (std::optional<SagaKey> saga = trigger.started ? trigger.started : dunning_.React(trigger.position))
      open.push_back(*std::move(saga));
    if (open.size() == kSagasAtATime) run();
  }
  run();
}

bool Runtime::RunDue(UnixMicros now) {
  const std::vector<query::DueSaga> due = query::DueSagas(database_, now, looked_after_, kSagasAtATime);
  if (!due.empty()) {
    const storage::Turn turn(database_, kTurnName);
    if (!turn.mine()) return false;
    std::vector<SagaKey> open;
    for (const query::DueSaga& saga : due) open.push_back({saga.tenant, saga.id});
    stepper_.Run(std::move(open), now);
  }
  looked_after_.reset();
  if (due.size() == kSagasAtATime) looked_after_ = due.back();
  return looked_after_.has_value();
}

}  // namespace billhook::sagas
