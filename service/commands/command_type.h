// What a command type is: a name, a JSON Schema of its data, the least role that may issue it, and a handler,
// which either decides over an aggregate or is an operation of the service. All are registered in
// registry.cpp. Values; thread safe.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/command.h"
#include "service/bus/refusal.h"
#include "service/clock.h"
#include "service/commands/schema.h"
#include "service/config.h"
#include "service/projector/projector.h"

namespace billhook::commands {

// What operations may touch.
struct Operations {
  storage::Database& database;
  storage::ReadModels& read_models;
  Projector& projector;
  Clock clock;
};

struct OnAggregate {
  std::string_view aggregate_type;
  Decide decide = nullptr;
};
using Operation = Result<Json, Refusal> (*)(Operations&, const std::string& tenant, const Json& data);

struct CommandType {
  std::string_view name;
  std::string_view id_member;  // of the data: names what the command is about
  const Schema* schema = nullptr;
  Role role = Role::kOperator;
  std::variant<OnAggregate, Operation> handler;
};

// nullptr if there is no such type.
const CommandType* FindCommandType(std::string_view name);

}  // namespace billhook::commands
