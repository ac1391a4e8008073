// SHA-256 and HMAC-SHA256 over byte strings: the one door to OpenSSL. Pure and thread safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/time.h"

namespace billhook {

using Digest = std::array<std::uint8_t, 32>;

// The SHA-256 of the concatenated parts.
Digest Sha256(std::initializer_list<std::string_view> parts);

// HMAC-SHA256 over the concatenated parts.
Digest HmacSha256(std::string_view key, std::initializer_list<std::string_view> parts);

// Compares in a time that does not depend on where the digests differ.
bool EqualInConstantTime(const Digest& a, const Digest& b);

// The digest's 32 bytes as a view, for feeding it to another digest.
std::string_view AsBytes(const Digest& digest);

// 64 lower-case hexadecimal digits.
std::string ToHex(const Digest& digest);

// The inverse of ToHex; nothing unless `hex` is exactly 64 lower-case hexadecimal digits.
std::optional<Digest> DigestFromHex(std::string_view hex);

// A new UUID of version 7 (RFC 9562): the time in front, to about a quarter of a microsecond (its
// section 6.2, method 3), random bits behind. The only function here that is not pure.
std::string NewUuidV7(UnixMicros at);

}  // namespace billhook
