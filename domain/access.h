// The aggregate `access`: whether a subscription's customer has access to what is paid for, told to whoever
// follows its stream, which bears the subscription's ID. Each unpaid invoice holds access by itself:
// AccessSuspended is told for each, AccessRestored once none holds it any more, AccessHoldReleased where
// others still do. Its state is {"status":"active"|"suspended","holds":[{"invoice","livemode","account"}]},
// null before the first event; `livemode` and `account` tell subscriptions of one ID apart. Pure, thread
// safe.
#pragma once

#include "domain/command.h"

namespace billhook::access {

constexpr std::string_view kAggregateType = "access";

// Both take {"invoice","subscription","customer","livemode","account"} and decide nothing where it is so
// already.
std::vector<DecidedEvent> DecideSuspend(const Json& state, const Json& unpaid);
std::vector<DecidedEvent> DecideRelease(const Json& state, const Json& settled);

Result<Json, std::string> EvolveAccess(const Json& state, std::string_view event_type, const Json& event);

}  // namespace billhook::access
