// Runs sagas: starts those that callers ask for, follows the log for what sagas react to, and looks after
// those whose time has come or that a crash left behind. One thread for all sagas, woken by appends of this
// process and looking for those of others now and then; of several processes one acts at a time. Whatever
// dies wherever: each step happens once (see stepper.h), and each saga ends. Thread safe.
#pragma once

#include <string>
#include <vector>

#include "service/metrics.h"
#include "service/query/sagas_query.h"
#include "service/sagas/dunning_reactions.h"
#include "service/sagas/follower.h"
#include "service/sagas/registry.h"
#include "service/sagas/stepper.h"
#include "service/worker.h"

namespace billhook::sagas {

class Runtime {
 public:
  // `grace`: how long an invoice may be unpaid before Dunning suspends access.
  Runtime(storage::Database& database, storage::LogTail& tail, ingest::GroupCommit& group_commit,
          Metrics& metrics, UnixMicros grace, Clock clock, Worker::OnFailure on_failure);

  // Starts a saga that callers may start, `data` fitting its schema. An ID that is known already must have
  // come with the same type and data: then it is that saga as it stands now.
  struct Begun {
    Json state;
    std::optional<std::int64_t> position;  // of its start; nothing: it had started before
  };
  enum class NotBegun { kOtherSaga };  // the ID belongs to a saga of another type or data
  using Refusal = std::variant<CommandRefusal, NotBegun, ingest::Refusal>;
  Result<Begun, Refusal> Begin(const SagaKey& key, const SagaType& type, const Json& data);

  // Starts the thread. Without it, RunOnce goes on by hand (tests).
  void Start();
  // Lets the thread finish what it is at, and ends it.
  void Stop();
  // New events may be in the log.
  void Wake();

  // Reacts to a stretch of the log and, at its end, does what falls due; false when there is nothing more to
  // do for now.
  bool RunOnce();

 private:
  void ReactTo(const std::vector<Trigger>& triggers, UnixMicros now);
  bool RunDue(UnixMicros now);

  storage::Database& database_;
  Clock clock_;
  SagaLog sagas_;
  DunningReactions dunning_;
  Stepper stepper_;
  Follower follower_;
  // How far the thread is with those that are due. It goes through all of them, since the read model may
  // still tell of the past, where nothing is to be done.
  std::optional<query::DueSaga> looked_after_;

  Worker worker_;  // last: it ends before what it uses does
};

}  // namespace billhook::sagas
