// The saga types that there are, in one table: the machine, and for those that callers may start the schema
// of their data and the least role. Values; thread safe.
#pragma once

#include <string_view>

#include "domain/sagas/saga.h"
#include "service/commands/schema.h"
#include "service/config.h"

namespace billhook::sagas {

struct RegisteredType {
  const SagaType* machine = nullptr;
  const Schema* schema = nullptr;  // nullptr: it starts by itself
  Role role = Role::kOperator;
};

// nullptr if there is no such type.
const RegisteredType* FindSagaType(std::string_view name);

}  // namespace billhook::sagas
