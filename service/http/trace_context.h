// The W3C trace context of a request (https://www.w3.org/TR/trace-context/, level 1): which distributed trace
// it is part of, so that our log lines can be found by it. Pure.
#pragma once

#include <optional>
#include <string>

#include "service/http/message.h"

namespace billhook::http {

// The trace ID (32 lower-case hex digits) of the request's `traceparent`; nothing where that is absent,
// invalid or there more than once.
std::optional<std::string> TraceIdOf(const Request& request);

}  // namespace billhook::http
