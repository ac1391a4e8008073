// Runs the commands that decide over an aggregate: loads it, lets the command type decide, appends what was
// decided where the stream still stands, and tries a lost race again a bounded number of times. Thread safe;
// throws StorageError.
#pragma once

#include <array>
#include <mutex>
#include <vector>

#include "service/clock.h"
#include "service/commands/command_call.h"
#include "service/ingest/group_commit.h"

namespace billhook::commands {

class AggregateHandler {
 public:
  // `log` knows the commands that run here, whose lease may have to be extended.
  AggregateHandler(storage::Database& database, ingest::GroupCommit& group_commit, CommandLog& log,
                   Clock clock, BusOptions options)
      : database_(database),
        group_commit_(group_commit),
        log_(log),
        clock_(std::move(clock)),
        options_(options) {}

  Run Handle(const OnAggregate& on, const CommandCall& call);

 private:
  // Nothing where another append was faster.
  std::optional<Run> Append(const OnAggregate& on, const std::vector<DecidedEvent>& decided,
                            std::int64_t version, const CommandCall& call);

  storage::Database& database_;
  ingest::GroupCommit& group_commit_;
  CommandLog& log_;
  Clock clock_;
  BusOptions options_;
  // One command at a time a stream within this process: those of other processes are told by the version.
  std::array<std::mutex, 64> streams_;
};

}  // namespace billhook::commands
