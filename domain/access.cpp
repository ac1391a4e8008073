#include "domain/access.h"

#include <algorithm>

#include "domain/command_fields.h"

namespace billhook::access {
namespace {

Json HoldOf(const Json& data) {
  return {{"invoice", data.at("invoice")},
          {"livemode", data.at("livemode")},
          {"account", data.value("account", Json())}};
}

bool IsHeldBy(const Json& state, const Json& hold) {
  if (state.is_null()) return false;
  const Json& holds = state.at("holds");
  return std::find(holds.begin(), holds.end(), hold) != holds.end();
}

bool IsHeldByOthers(const Json& state, const Json& hold) {
  const Json& holds = state.at("holds");
  return std::any_of(holds.begin(), holds.end(), [&hold](const Json& other) {
    return other.at("livemode") == hold.at("livemode") && other.at("account") == hold.at("account") &&
           other != hold;
  });
}

DecidedEvent Told(const char* event_type, const Json& data) {
  Json told = HoldOf(data);
  told["subscription"] = data.at("subscription");
  told["customer"] = data.value("customer", Json());
  return {event_type, std::move(told), std::nullopt};
}

}  // namespace

std::vector<DecidedEvent> DecideSuspend(const Json& state, const Json& unpaid) {
  if (IsHeldBy(state, HoldOf(unpaid))) return {};
  return {Told("AccessSuspended", unpaid)};
}

std::vector<DecidedEvent> DecideRelease(const Json& state, const Json& settled) {
  const Json hold = HoldOf(settled);
  if (!IsHeldBy(state, hold)) return {};
  return {Told(IsHeldByOthers(state, hold) ? "AccessHoldReleased" : "AccessRestored", settled)};
}

Result<Json, std::string> EvolveAccess(const Json& state, std::string_view event_type, const Json& event) {
  const bool suspended = event_type == "AccessSuspended";
  if (!suspended && event_type != "AccessRestored" && event_type != "AccessHoldReleased")
    return Unexpected<std::string>("access knows no event of this type");
  if (!TextIn(event, "invoice") || !BooleanIn(event, "livemode"))
    return Unexpected<std::string>("the invoice or livemode cannot be used");
  const Json hold = HoldOf(event);
  if (IsHeldBy(state, hold) == suspended)
    return Unexpected<std::string>(suspended ? "the invoice holds access already"
                                             : "the invoice does not hold access");
  Json holds = state.is_null() ? Json::array() : state.at("holds");
  if (suspended) {
    holds.push_back(hold);
  } else {
    holds.erase(std::find(holds.begin(), holds.end(), hold));
  }
  return Json{{"status", holds.empty() ? "active" : "suspended"}, {"holds", holds}};
}

}  // namespace billhook::access
