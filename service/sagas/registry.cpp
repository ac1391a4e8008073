#include "service/sagas/registry.h"

#include <vector>

#include "domain/sagas/dunning.h"
#include "domain/sagas/transfer_money.h"

namespace billhook::sagas {
namespace {

std::vector<RegisteredType> MakeAll() {
  static const Schema kTransfer(R"({"type":"object","additionalProperties":false,
    "required":["from_account","to_account","amount"],"properties":{
    "from_account":{"type":"string","minLength":1,"maxLength":255},
    "to_account":{"type":"string","minLength":1,"maxLength":255},
    "amount":{"type":"integer","minimum":1}}})");
  return {{&kTransferMoney, &kTransfer, Role::kOperator}, {&kDunning, nullptr, Role::kOperator}};
}

}  // namespace

const RegisteredType* FindSagaType(std::string_view name) {
  static const std::vector<RegisteredType> kTypes = MakeAll();
  for (const RegisteredType& type : kTypes) {
    if (type.machine->name == name) return &type;
  }
  return nullptr;
}

}  // namespace billhook::sagas
