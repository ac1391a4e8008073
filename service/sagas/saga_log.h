// The streams of sagas: loads them and records their events, each once however many processes try. Thread
// safe; throws StorageError.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "domain/sagas/saga.h"
#include "service/commands/repository.h"
#include "service/ingest/group_commit.h"

namespace billhook::sagas {

struct SagaKey {
  std::string tenant;
  std::string id;
};

// A saga went from one state to the next; `before` is null where it started.
using OnProgress = std::function<void(const SagaKey&, const Json& before, const Json& after)>;

// An event of the saga's, about to be appended to the stream; all that a saga causes bears its ID.
Append AppendOf(const SagaKey& saga, std::string_view aggregate_type, std::string_view aggregate_id,
                const DecidedEvent& decided, std::int64_t expected_version, UnixMicros now);
// The state after a decided event; `aggregate` moves on.
void Evolve(commands::Aggregate& aggregate, const Event& event);

class SagaLog {
 public:
  SagaLog(storage::Database& database, ingest::GroupCommit& group_commit, Clock clock,
          OnProgress on_progress);

  // Where the saga stands; the state is null before it starts.
  commands::Aggregate Load(const SagaKey& saga) const;

  // What is decided over the saga's state; nothing: there is nothing to say.
  using DecideRecord = std::function<std::optional<DecidedEvent>(const Json& state, UnixMicros now)>;
  struct Noted {
    Json state;                                 // after it
    std::optional<std::int64_t> position = {};  // of the event, where one was recorded
  };
  // Records what is decided, deciding anew where another process was faster.
  Result<Noted, ingest::Refusal> Record(const SagaKey& saga, const DecideRecord& decide);

 private:
  storage::Database& database_;
  ingest::GroupCommit& group_commit_;
  Clock clock_;
  OnProgress on_progress_;
};

}  // namespace billhook::sagas
