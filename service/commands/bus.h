// The command bus: every command type, registered in registry.cpp, is reached along one chain of steps
// (bus.cpp). A command runs at most once however often it is sent and whenever its process dies: it is
// entered in the audit log before it runs, and what it caused bears its ID. Thread safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/commands/aggregate_handler.h"
#include "service/commands/audit.h"
#include "service/metrics.h"

namespace billhook::commands {

class CommandBus {
 public:
  CommandBus(storage::Database& database, ingest::GroupCommit& group_commit, Operations operations,
             Metrics& metrics, BusOptions options)
      : operations_(std::move(operations)),
        metrics_(metrics),
        audit_(database, operations_.clock, options),
        aggregates_(database, group_commit, audit_.log(), operations_.clock, options) {}

  // Blocks until the command is done, or refused. Throws StorageError: then it may or may not have happened,
  // and the same idempotency key tells.
  Answer Execute(Command command, const Issuer& issuer, const std::optional<std::string>& idempotency_key);

  // As in audit.h.
  void CloseAbandoned(bool all = false) { audit_.CloseAbandoned(all); }
  void ReleaseWaiters() { audit_.ReleaseWaiters(); }
  [[nodiscard]] CommandLog& log() { return audit_.log(); }
  std::vector<RecordedEvent> EventsOf(const std::string& tenant, const std::string& command_id) {
    return audit_.EventsOf(tenant, command_id);
  }

 private:
  using Next = bus::Next<CommandCall>;
  static Run Audited(CommandCall& call, const Next& next);
  static Run Reported(CommandCall& call, const Next& next);
  static Run Handled(CommandCall& call, const Next& next);
  static const bus::Step<CommandCall> kChain[];

  Operations operations_;
  Metrics& metrics_;
  Audit audit_;
  AggregateHandler aggregates_;
};

}  // namespace billhook::commands
