#include "service/commands/command_call.h"

#include <nlohmann/json.hpp>

namespace billhook::commands {

Run CommandCall::Refuse(Refusal refusal, bool release_key) const {
  Closing closing{false,      TextOf(refusal), std::nullopt, std::nullopt, entry.idempotency_key.has_value(),
                  release_key};
  return {{entry.command_id, std::move(refusal), {}, 0}, std::move(closing)};
}

std::string TextOf(const Refusal& refusal) {
  Json errors = Json::array();
  for (const InputFault& fault : refusal.errors)
    errors.push_back({{"pointer", fault.pointer}, {"detail", fault.detail}});
  return nlohmann::ordered_json({{"status", refusal.status},
                                 {"code", refusal.code},
                                 {"detail", refusal.detail},
                                 {"errors", errors}})
      .dump();
}

Refusal RefusalFrom(const std::string& text) {
  const Json error = Json::parse(text);
  Refusal refusal{error.at("status"), error.at("code"), error.at("detail")};
  for (const Json& fault : error.at("errors"))
    refusal.errors.push_back({fault.at("pointer"), fault.at("detail")});
  return refusal;
}

const Refusal& Interrupted() {
  static const Refusal kRefusal{503, "interrupted",
                                "The service stopped before the command did anything. Send it again."};
  return kRefusal;
}

}  // namespace billhook::commands
