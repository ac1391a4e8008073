// The ID of a request: in its answer, in each problem's body and in every log line about it. Pure but for the
// random part of a fresh one; thread safe.
#pragma once

#include <string>
#include <string_view>

#include "service/http/message.h"

namespace billhook::http {

constexpr std::size_t kMaxRequestIdBytes = 128;

// Whether the caller's own ID may stand in the log: 1 to 128 of A-Z a-z 0-9 . _ : + = / -, as UUIDs, ULIDs,
// trace IDs and base64 have them, and nothing that looks like one of Stripe's secrets (`sk_`, `rk_`,
// `whsec_`), like a card's number (13 to 19 digits in a row with no letter beside them) or a telephone's (ten
// digits or more and no letter at all). What is no ID may be somebody's address or key.
bool IsUsableRequestId(std::string_view id);

// The caller's `X-Request-Id` if it is usable and stands once, else a fresh UUID.
std::string RequestIdOf(const Request& request);

}  // namespace billhook::http
