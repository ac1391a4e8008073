// The command bus: one chain of steps around every command type (audit and idempotency, authorisation,
// validation, handler, metrics, log). A command runs at most once however often it is sent and whenever its
// process dies: it is entered in the audit log before it runs, and what it caused bears its ID. Thread safe.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/event.h"
#include "service/commands/command_log.h"
#include "service/commands/command_type.h"
#include "service/ingest/group_commit.h"
#include "service/metrics.h"

namespace billhook::commands {

struct BusOptions {
  // For so long a process may be silent before its command counts as abandoned: longer than any append waits.
  std::chrono::microseconds lease{12'000'000};
  // How long a command with a key that is in use waits for the first: longer than a lease, so that a retry
  // after a crash ends with the first answer.
  std::chrono::milliseconds wait_max{14'000};
  std::size_t max_waiters = 8;  // each holds a thread that webhooks need too
  int max_attempts = 16;        // of a command that loses races for its stream
};

struct Command {
  std::string type;
  std::optional<std::string> aggregate_id;
  Json data = Json::object();
  std::optional<std::int64_t> expected_version;
  Json metadata = Json::object();
};

struct Issuer {
  std::string tenant;
  std::string name;
  Role role = Role::kReader;
  std::string request_id;
  Source source = Source::kCommand;  // who vouches for the events: kCommand or kSaga
};

// What became of a command.
struct Answer {
  std::string command_id;  // empty where no command was entered
  std::variant<Json, Refusal> outcome;
  std::vector<RecordedEvent> events;
  std::int64_t position = 0;
};

class CommandBus {
 public:
  CommandBus(storage::Database& database, ingest::GroupCommit& group_commit, Operations operations,
             Metrics& metrics, BusOptions options);

  // Blocks until the command is done, or refused. Throws StorageError: then it may or may not have happened,
  // and the same idempotency key tells.
  Answer Execute(Command command, const Issuer& issuer, const std::optional<std::string>& idempotency_key);

  // Closes what processes that died have left pending; `all` also what seems to run still, for the one owner
  // of a database at its start.
  void CloseAbandoned(bool all = false);

  // Lets all who wait for a command in use go, now and from now on.
  void ReleaseWaiters();

  [[nodiscard]] CommandLog& log() { return log_; }
  // The events that the command caused, in order.
  std::vector<RecordedEvent> EventsOf(const std::string& tenant, const std::string& command_id);

 private:
  class Waiting;

  // How a run ended; without a closing it is in doubt, and the event log will tell.
  struct Run {
    Answer answer;
    std::optional<Closing> closing;
  };

  // Enters the command; where its key is known, the first answer instead, once there is one.
  std::optional<Answer> EnterOrAnswer(CommandEntry& entry);
  Answer AnswerOf(const CommandEntry& known);
  Run RunHandler(const Command& command, const CommandType* type, const Issuer& issuer,
                 const CommandEntry& entry);
  Run RunOnAggregate(const OnAggregate& on, const Command& command, const Issuer& issuer,
                     const CommandEntry& entry);
  Run Refuse(const CommandEntry& entry, Refusal refusal, bool release_key = false) const;
  Run Append(const OnAggregate& on, const std::vector<DecidedEvent>& decided, std::int64_t version,
             const Command& command, const Issuer& issuer, const CommandEntry& entry, bool& lost_race);
  void Report(const CommandEntry& entry, const CommandType* type, const Issuer& issuer, const Run& run,
              std::chrono::nanoseconds duration);

  storage::Database& database_;
  ingest::GroupCommit& group_commit_;
  Operations operations_;
  Metrics& metrics_;
  BusOptions options_;
  CommandLog log_;
  // One command at a time a stream within this process: those of other processes are told by the version.
  std::array<std::mutex, 64> streams_;
  std::mutex mutex_;
  std::condition_variable closed_;
  std::size_t waiters_ = 0;
  bool released_ = false;
};

}  // namespace billhook::commands
