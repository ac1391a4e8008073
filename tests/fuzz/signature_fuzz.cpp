// The signature header. Input: the header, a line feed, the body.
#include <optional>

#include "domain/check.h"
#include "domain/sha256.h"
#include "domain/stripe/signature.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT

namespace {

const std::vector<std::string> kSecrets = {"whsec_fuzz_one", "whsec_fuzz_two"};
constexpr std::int64_t kNow = 1'767'268'800;

std::optional<stripe::SignatureFault> Judge(const std::string& header, std::string_view body,
                                            std::int64_t now_s) {
  const auto verified = stripe::VerifySignature(header, body, kSecrets, now_s, 300);
  if (verified) return std::nullopt;
  BILLHOOK_CHECK(!stripe::CodeOf(verified.error()).empty());
  return verified.error();
}

// The value of the header's `t`, which is known to be there.
std::string TimestampIn(std::string_view header) {
  while (true) {
    const std::string_view item = test::TakeUpTo(header, ',');
    if (item.starts_with("t=")) return std::string(item.substr(2));
    BILLHOOK_CHECK(!header.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view body = test::AsText(data, size);
  const std::string header(test::TakeUpTo(body, '\n'));
  const std::optional<stripe::SignatureFault> fault = Judge(header, body, kNow);
  // The fuzzer does not know the secrets: nothing it writes may pass, not even for the wrong age.
  BILLHOOK_CHECK(fault && *fault != stripe::SignatureFault::kTimestampOutOfTolerance);
  if (*fault != stripe::SignatureFault::kMismatch) return 0;

  // Readable and unsigned: the right signature makes it pass wherever it stands, of any of the secrets,
  // unless there are too many; another body never does.
  const std::string timestamp = TimestampIn(header);
  const std::int64_t timestamp_s = std::stoll(timestamp);
  for (const std::string& secret : kSecrets) {
    const std::string v1 = ToHex(HmacSha256(secret, {timestamp, ".", body}));
    for (const std::string& whole : {header + ",v1=" + v1, "v1=" + v1 + "," + header}) {
      const std::optional<stripe::SignatureFault> judged = Judge(whole, body, timestamp_s);
      BILLHOOK_CHECK(!judged || *judged == stripe::SignatureFault::kMalformed);
      if (judged) continue;
      BILLHOOK_CHECK(Judge(whole, std::string(body) + " ", timestamp_s) == stripe::SignatureFault::kMismatch);
      BILLHOOK_CHECK(Judge(whole, body, timestamp_s + 301) ==
                     stripe::SignatureFault::kTimestampOutOfTolerance);
      BILLHOOK_CHECK(Judge(whole, body, timestamp_s - 301) ==
                     stripe::SignatureFault::kTimestampOutOfTolerance);
    }
  }
  return 0;
}
