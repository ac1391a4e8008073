// Stripe's webhook signature scheme v1: HMAC-SHA256 over "{t}.{raw body}", keyed with the endpoint's whole
// secret. Source: docs.stripe.com/webhooks#verify-manually. Where the official SDKs differ, this is the
// strict reading: `t` stands once and is 1 to 11 decimal digits, no blanks; a `v1` that is not 64 lower-case
// hex digits matches nothing but spoils nothing; other schemes (`v0`) are ignored. Pure (the time is an
// argument) and thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "domain/result.h"

namespace billhook::stripe {

enum class SignatureFault { kMissing, kMalformed, kMismatch, kTimestampOutOfTolerance };

// The fault's code in the HTTP answer, e.g. "signature_mismatch".
std::string_view CodeOf(SignatureFault fault);

// What a person at the other end can do about it.
std::string_view DetailOf(SignatureFault fault);

// The signature's timestamp in Unix seconds, once one `v1` matches one of `secrets` and the timestamp is at
// most `tolerance_s` seconds away from `now_s`, either way. The signature is judged before the age, each
// secret is tried, and comparisons take constant time.
Result<std::int64_t, SignatureFault> VerifySignature(std::string_view header, std::string_view body,
                                                     const std::vector<std::string>& secrets,
                                                     std::int64_t now_s, std::int64_t tolerance_s);

// The value of the `Stripe-Signature` header for `body`: "t=...,v1=...".
std::string SignatureHeader(std::string_view secret, std::int64_t timestamp_s, std::string_view body);

}  // namespace billhook::stripe
