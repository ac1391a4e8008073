#include "domain/stripe/signature.h"

#include <charconv>
#include <optional>

#include "domain/sha256.h"

namespace billhook::stripe {
namespace {

constexpr std::size_t kMaxTimestampDigits = 11;
constexpr std::size_t kMaxSignatures = 32;

struct ParsedHeader {
  std::string_view timestamp;
  std::int64_t timestamp_s = 0;
  std::vector<std::string_view> v1;
};

bool IsTimestamp(std::string_view text) {
  if (text.empty() || text.size() > kMaxTimestampDigits) return false;
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<ParsedHeader> Parse(std::string_view header) {
  ParsedHeader parsed;
  while (true) {
    const std::size_t comma = header.find(',');
    const std::string_view item = header.substr(0, comma);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos || item.find_first_of(" \t") != std::string_view::npos)
      return std::nullopt;
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = item.substr(equals + 1);
    if (key == "t") {
      if (!parsed.timestamp.empty() || !IsTimestamp(value)) return std::nullopt;
      parsed.timestamp = value;
      std::from_chars(value.data(), value.data() + value.size(), parsed.timestamp_s);
    } else if (key == "v1") {
      if (parsed.v1.size() == kMaxSignatures) return std::nullopt;
      parsed.v1.push_back(value);
    }
    if (comma == std::string_view::npos) break;
    header.remove_prefix(comma + 1);
  }
  if (parsed.timestamp.empty() || parsed.v1.empty()) return std::nullopt;
  return parsed;
}

}  // namespace

std::string_view CodeOf(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::kMissing:
      return "signature_missing";
    case SignatureFault::kMalformed:
      return "signature_malformed";
    case SignatureFault::kMismatch:
      return "signature_mismatch";
    case SignatureFault::kTimestampOutOfTolerance:
      return "timestamp_out_of_tolerance";
  }
  BILLHOOK_CHECK(false);
}

std::string_view DetailOf(SignatureFault fault) {
  switch (fault) {
    case SignatureFault::kMissing:
      return "The request has no Stripe-Signature header. Only Stripe, or billhook sign, can make one.";
    case SignatureFault::kMalformed:
      return "The Stripe-Signature header must hold t (once, decimal Unix seconds) and at least one v1, as "
             "t=...,v1=....";
    case SignatureFault::kMismatch:
      return "No v1 signature matches. Check that STRIPE_WEBHOOK_SECRET is this endpoint's signing secret "
             "and that nothing "
             "between Stripe and billhook rewrites the body.";
    case SignatureFault::kTimestampOutOfTolerance:
      return "The signature is right, but its timestamp is too far from this server's clock. Check the clock "
             "(NTP), or "
             "STRIPE_WEBHOOK_TOLERANCE.";
  }
  BILLHOOK_CHECK(false);
}

Result<std::int64_t, SignatureFault> VerifySignature(std::string_view header, std::string_view body,
                                                     const std::vector<std::string>& secrets,
                                                     std::int64_t now_s, std::int64_t tolerance_s) {
  if (header.empty()) return Unexpected(SignatureFault::kMissing);
  const std::optional<ParsedHeader> parsed = Parse(header);
  if (!parsed) return Unexpected(SignatureFault::kMalformed);

  std::vector<Digest> presented;
  for (std::string_view v1 : parsed->v1) {
    if (const std::optional<Digest> digest = DigestFromHex(v1)) presented.push_back(*digest);
  }
  bool matches = false;
  for (const std::string& secret : secrets) {
    if (presented.empty()) break;
    const Digest expected = HmacSha256(secret, {parsed->timestamp, ".", body});
    for (const Digest& digest : presented) matches |= EqualInConstantTime(digest, expected);
  }
  if (!matches) return Unexpected(SignatureFault::kMismatch);
  const std::int64_t age_s = now_s - parsed->timestamp_s;
  if (age_s > tolerance_s || age_s < -tolerance_s)
    return Unexpected(SignatureFault::kTimestampOutOfTolerance);
  return parsed->timestamp_s;
}

std::string SignatureHeader(std::string_view secret, std::int64_t timestamp_s, std::string_view body) {
  const std::string timestamp = std::to_string(timestamp_s);
  return "t=" + timestamp + ",v1=" + ToHex(HmacSha256(secret, {timestamp, ".", body}));
}

}  // namespace billhook::stripe
