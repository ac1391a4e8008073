// How commands and queries reach their handlers: through a chain of steps, each wrapped around all that
// follow. A step may answer by itself, let the call go on, and look at what comes back. Here are the chain
// and the steps that both kinds take; the lists stand in service/commands/bus.cpp and
// service/http/routes/queries.cpp, around them the steps of every request (request ID, key, metrics, log:
// service/http/api.cpp). No state; thread safe.
//
// A Call is what goes along the chain. It has: Outcome; kKind ("command") and kData ("/data", where its data
// stand in a body); type, with `role` and `schema`, nullptr where none is registered; role(), the caller's;
// data(); faults, found before; Refuse(Refusal) -> Outcome.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "service/bus/refusal.h"

namespace billhook::bus {

template <typename Call>
using Next = std::function<typename Call::Outcome()>;

template <typename Call>
using Step = typename Call::Outcome (*)(Call&, const Next<Call>&);

// Goes along the chain; its last step does not go on.
template <typename Call>
typename Call::Outcome Pass(Call& call, std::span<const Step<Call>> chain) {
  return chain.front()(call, [&call, rest = chain.subspan(1)] { return Pass(call, rest); });
}

// Its type is registered.
template <typename Call>
typename Call::Outcome Known(Call& call, const Next<Call>& next) {
  if (call.type != nullptr) return next();
  const std::string kind(Call::kKind);
  return call.Refuse({422, kind + "_type_unknown", "There is no such " + kind + " type."});
}

// The caller may issue the type.
template <typename Call>
typename Call::Outcome Authorised(Call& call, const Next<Call>& next) {
  if (call.role() >= call.type->role) return next();
  return call.Refuse(
      {403, "role_too_low", "This needs the role " + std::string(NameOf(call.type->role)) + "."});
}

// Its data fit the type's schema, and nothing else was at fault. Each place is told once; there are few.
template <typename Call>
typename Call::Outcome Validated(Call& call, const Next<Call>& next) {
  std::vector<InputFault> faults = call.faults;
  for (InputFault& fault : call.type->schema->Check(call.data(), std::string(Call::kData))) {
    const bool told = std::any_of(faults.begin(), faults.end(), [&fault](const InputFault& other) {
      return other.pointer == fault.pointer;
    });
    if (!told && !HoldsMostFaults(faults)) faults.push_back(std::move(fault));
  }
  if (faults.empty()) return next();
  const std::string kind(Call::kKind);
  return call.Refuse({422, kind + "_invalid", "The " + kind + " is invalid.", std::move(faults)});
}

}  // namespace billhook::bus
