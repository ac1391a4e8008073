// The listening TCP socket: opened once, with errors told in words that help whoever started the program, and
// without SO_REUSEPORT, so that a second process on the port is refused rather than given half of the
// connections.
#pragma once

#include <string>

#include "domain/result.h"
#include "service/descriptor.h"

namespace billhook::http {

struct Listener {
  Descriptor socket;    // listening, non-blocking, TCP_NODELAY (which accepted sockets inherit)
  std::string address;  // "http://127.0.0.1:43121"; IPv6 hosts in brackets
};

// `host` is a name or an address, `port` 0 to 65535, where 0 picks a free one. The error says what a person
// can do.
Result<Listener, std::string> Listen(const std::string& host, int port);

}  // namespace billhook::http
