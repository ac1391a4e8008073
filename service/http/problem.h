// Errors as callers see them: RFC 9457 problem details. Every refusal of the HTTP API is made here. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "service/http/message.h"
#include "service/input_fault.h"

namespace billhook::http {

using InputError = InputFault;

// `code` is stable and for machines, `detail` tells a person what to do; of `errors` the first
// kMaxInputFaults are told. The request ID is added by the API.
Response Problem(int status, std::string_view code, std::string_view detail,
                 const std::vector<InputError>& errors = {});

// 503 with Retry-After: the same request may succeed later.
Response Unavailable(std::string_view code, std::string_view detail);

// A problem's body with the request's ID in it.
void StampProblem(Response& response, const std::string& request_id);

// "Not Found" for 404, and so on.
std::string_view TitleOf(int status);

}  // namespace billhook::http
