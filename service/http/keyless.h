// Who may use /api where no keys are configured (API_KEYS): the programs on this machine, and nobody whom a
// browser or a proxy on this machine lends its loopback address. Pure, thread safe.
#pragma once

#include "service/http/message.h"

namespace billhook::http {

// False for what comes from a page of another origin, asks for another Host than a loopback one, or bears a
// header that a proxy adds: behind one, the loopback address says nothing, and the Host is the stranger's
// own.
bool MayComeWithoutKey(const Request& request);

}  // namespace billhook::http
