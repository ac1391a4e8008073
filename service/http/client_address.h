// Whose address a request is counted under where proxies that we know stand in front. Pure, thread safe.
#pragma once

#include <string>
#include <vector>

#include "service/http/message.h"
#include "service/http/network.h"

namespace billhook::http {

using Proxies = std::vector<Network>;

// Whether the connection that the request came on is one of theirs.
bool ComesFrom(const Proxies& proxies, const Request& request);

// The connection's address; or, where that is a proxy of ours, the last one in X-Forwarded-For that is none.
// A proxy appends whom it has heard, so what stands left of that is the caller's own word and is not looked
// at. Where the header is missing, names proxies of ours alone, or has something else than an address (with
// or without a port) in the way, it is the connection's.
std::string ClientAddressOf(const Request& request, const Proxies& proxies);

}  // namespace billhook::http
