// A command on its way along the chain, and what comes back. Values; one thread each.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/event.h"
#include "service/commands/command_log.h"
#include "service/commands/command_type.h"

namespace billhook::commands {

class CommandBus;

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

// How a run ended; without a closing it is in doubt, and the event log will tell.
struct Run {
  Answer answer;
  std::optional<Closing> closing;
};

struct CommandCall {
  using Outcome = Run;
  static constexpr std::string_view kKind = "command";
  static constexpr std::string_view kData = "/data";

  CommandBus& bus;
  Command command;
  const Issuer& issuer;
  const CommandType* type = nullptr;
  CommandEntry entry{};
  std::vector<InputFault> faults{};

  [[nodiscard]] Role role() const { return issuer.role; }
  [[nodiscard]] const Json& data() const { return command.data; }
  // `release_key`: nothing was done, and the same key may run anew.
  [[nodiscard]] Run Refuse(Refusal refusal, bool release_key = false) const;
};

// A refusal as the audit log keeps it, and back.
std::string TextOf(const Refusal& refusal);
Refusal RefusalFrom(const std::string& text);

// What a command is told whose process stopped before it did anything.
const Refusal& Interrupted();

}  // namespace billhook::commands
