#include "domain/stripe/signature.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "domain/sha256.h"

namespace billhook::stripe {
namespace {

const std::string kSecret = "whsec_a_secret_of_no_account";
const std::string kOtherSecret = "whsec_another";
const std::string kBody = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\"\n}";
constexpr std::int64_t kNow = 1'767'268'800;
constexpr std::int64_t kTolerance = 300;

std::string V1(const std::string& timestamp, const std::string& body = kBody,
               const std::string& secret = kSecret) {
  return ToHex(HmacSha256(secret, {timestamp, ".", body}));
}

std::string At(std::int64_t timestamp) {
  return "t=" + std::to_string(timestamp);
}

// "ok", or the fault's code.
std::string Verdict(const std::string& header, const std::string& body = kBody,
                    const std::vector<std::string>& secrets = {kSecret}, std::int64_t now = kNow,
                    std::int64_t tolerance = kTolerance) {
  const Result<std::int64_t, SignatureFault> verified =
      VerifySignature(header, body, secrets, now, tolerance);
  return verified.has_value() ? "ok" : std::string(CodeOf(verified.error()));
}

const std::string kT = At(kNow);
const std::string kGood = V1(std::to_string(kNow));
const std::string kBad(64, '0');

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  return text;
}

TEST(Signature, AcceptsWhatItSigned) {
  const std::string header = SignatureHeader(kSecret, kNow, kBody);
  EXPECT_EQ(header, kT + ",v1=" + kGood);
  const Result<std::int64_t, SignatureFault> verified =
      VerifySignature(header, kBody, {kSecret}, kNow, kTolerance);
  ASSERT_TRUE(verified.has_value());
  EXPECT_EQ(*verified, kNow);
}

TEST(Signature, SignsTheTimestampADotAndTheBodyWithTheWholeSecret) {
  // Computed with `printf '1767268800.{}' | openssl dgst -sha256 -hmac whsec_x`.
  EXPECT_EQ(SignatureHeader("whsec_x", kNow, "{}"),
            "t=1767268800,v1=7f9473771e4a9ab01deffc5ef6217ebe1aa15b7066cc73d0064ec2599dd00495");
}

TEST(Signature, AcceptsAGoodV1AmongWhateverElse) {
  for (const std::string& header : {
           kT + ",v1=" + kGood + ",v1=" + kBad,
           kT + ",v1=" + kBad + ",v1=" + kGood,
           kT + ",v1=" + kBad + ",v1=" + kGood + ",v1=" + kBad,
           kT + ",v1=" + kGood + ",v0=" + kBad,
           kT + ",v0=" + kBad + ",v1=" + kGood,
           "v1=" + kGood + "," + kT,
           kT + ",v1=" + kGood + ",v2=anything",
           kT + ",v1=,v1=" + kGood,
           kT + ",v1=nothex,v1=" + kGood,
           kT + ",v1=" + UpperCase(kGood) + ",v1=" + kGood,
           kT + ",v1=" + kGood + "0,v1=" + kGood,
           kT + ",=x,scheme=,v1=" + kGood,
           kT + ",v1=" + kGood + ",v1=a=b",
       }) {
    EXPECT_EQ(Verdict(header), "ok") << header;
  }
}

TEST(Signature, NamesAMissingHeader) {
  EXPECT_EQ(Verdict(""), "signature_missing");
}

TEST(Signature, RefusesAHeaderThatIsNotOneTimestampAndSomeV1) {
  for (const std::string& header : {
           std::string("this is no header"),
           std::string(","),
           std::string("="),
           kT,
           "v1=" + kGood,
           kT + ",v0=" + kGood,
           kT + ",V1=" + kGood,
           "T=" + std::to_string(kNow) + ",v1=" + kGood,
           "t,v1=" + kGood,
           kT + ",v1",
           kT + ",v1=" + kGood + ",x",
           kT + ",v1=" + kGood + ",",
           "," + kT + ",v1=" + kGood,
           kT + ",,v1=" + kGood,
           kT + "," + kT + ",v1=" + kGood,
           kT + ",t=1,v1=" + kGood,
           kT + ", v1=" + kGood,
           kT + " ,v1=" + kGood,
           " " + kT + ",v1=" + kGood,
           kT + ",v1=" + kGood + " ",
           kT + ",\tv1=" + kGood,
           kT + ",v1= " + kGood,
           kT + ";v1=" + kGood,
       }) {
    EXPECT_EQ(Verdict(header), "signature_malformed") << header;
  }
}

TEST(Signature, RefusesATimestampThatIsNotOneToElevenDigits) {
  for (const std::string& timestamp :
       {std::string(), std::string("soon"), std::string("-1"), "+" + std::to_string(kNow),
        std::to_string(kNow) + ".0", std::string("1e9"), std::string("0x6956"), std::string("123456789012"),
        std::string("99999999999999999999"), std::to_string(kNow) + "x", std::string("١٢")}) {
    EXPECT_EQ(Verdict("t=" + timestamp + ",v1=" + V1(timestamp)), "signature_malformed") << timestamp;
  }
}

TEST(Signature, SignsTheTimestampAsItIsWritten) {
  const std::string padded = "0" + std::to_string(kNow);  // eleven digits
  EXPECT_EQ(Verdict("t=" + padded + ",v1=" + V1(padded)), "ok");
  EXPECT_EQ(Verdict("t=" + padded + ",v1=" + kGood), "signature_mismatch");
}

TEST(Signature, RefusesWhatDoesNotMatch) {
  for (const std::string& v1 :
       {std::string(), std::string("nothex"), kBad, UpperCase(kGood), kGood.substr(1), kGood + "0",
        kGood + kGood, V1(std::to_string(kNow + 1)), V1(std::to_string(kNow), kBody, kOtherSecret),
        V1(std::to_string(kNow), kBody, kSecret.substr(6)), ToHex(HmacSha256(kSecret, {kBody})),
        "0x" + kGood.substr(2), "v1=" + kGood}) {
    EXPECT_EQ(Verdict(kT + ",v1=" + v1), "signature_mismatch") << v1;
  }
}

TEST(Signature, CoversEveryByteOfTheBody) {
  const std::string header = kT + ",v1=" + kGood;
  for (std::size_t i = 0; i < kBody.size(); ++i) {
    std::string altered = kBody;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_EQ(Verdict(header, altered), "signature_mismatch") << "byte " << i;
  }
  EXPECT_EQ(Verdict(header, kBody + "\n"), "signature_mismatch");
  EXPECT_EQ(Verdict(header, " " + kBody), "signature_mismatch");
  EXPECT_EQ(Verdict(header, kBody.substr(1)), "signature_mismatch");
  EXPECT_EQ(Verdict(header, ""), "signature_mismatch");
}

TEST(Signature, TakesTheBodyAsBytesAndParsesNothing) {
  for (const std::string& body :
       {std::string(), std::string("{\"broken\":"), std::string("\0\xff\n", 3), kBody + "\n"}) {
    EXPECT_EQ(Verdict(SignatureHeader(kSecret, kNow, body), body), "ok");
    EXPECT_EQ(Verdict(kT + ",v1=" + kBad, body), "signature_mismatch");
  }
}

TEST(Signature, TriesEverySecret) {
  const std::string header = kT + ",v1=" + kGood;
  EXPECT_EQ(Verdict(header, kBody, {kOtherSecret, kSecret}), "ok");
  EXPECT_EQ(Verdict(header, kBody, {kSecret, kOtherSecret}), "ok");
  EXPECT_EQ(Verdict(header, kBody, {kOtherSecret}), "signature_mismatch");
  EXPECT_EQ(Verdict(header, kBody, {}), "signature_mismatch");
  const std::string both = kT + ",v1=" + V1(std::to_string(kNow), kBody, kOtherSecret) +
                           ",v1=" + kGood;  // while a secret is rolled
  EXPECT_EQ(Verdict(both, kBody, {kSecret}), "ok");
  EXPECT_EQ(Verdict(both, kBody, {kOtherSecret}), "ok");
}

TEST(Signature, IsOfAnAgeWithinTheToleranceEitherWay) {
  const struct {
    std::int64_t age;
    const char* verdict;
  } cases[] = {
      {0, "ok"},
      {299, "ok"},
      {300, "ok"},
      {301, "timestamp_out_of_tolerance"},
      {86'400, "timestamp_out_of_tolerance"},
      {-299, "ok"},
      {-300, "ok"},
      {-301, "timestamp_out_of_tolerance"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Verdict(SignatureHeader(kSecret, kNow - c.age, kBody)), c.verdict) << "age " << c.age;
  }
  EXPECT_EQ(Verdict(SignatureHeader(kSecret, kNow - 1, kBody), kBody, {kSecret}, kNow, 1), "ok");
  EXPECT_EQ(Verdict(SignatureHeader(kSecret, kNow - 2, kBody), kBody, {kSecret}, kNow, 1),
            "timestamp_out_of_tolerance");
  EXPECT_EQ(Verdict(SignatureHeader(kSecret, 99'999'999'999, kBody)), "timestamp_out_of_tolerance");
  EXPECT_EQ(Verdict(SignatureHeader(kSecret, 0, kBody)), "timestamp_out_of_tolerance");
}

TEST(Signature, IsJudgedBeforeItsAge) {
  EXPECT_EQ(Verdict(At(1) + ",v1=" + kBad), "signature_mismatch");
  EXPECT_EQ(Verdict(At(1) + ",v1=" + V1("1")), "timestamp_out_of_tolerance");
}

TEST(Signature, TakesManyV1ButNotAnyNumber) {
  std::string header = kT;
  for (int i = 0; i < 31; ++i) header += ",v1=" + kBad;
  header += ",v1=" + kGood;
  EXPECT_EQ(Verdict(header), "ok");
  EXPECT_EQ(Verdict(header + ",v1=" + kBad), "signature_malformed");
}

TEST(Signature, HasACodeAndADetailForEveryFault) {
  for (SignatureFault fault : {SignatureFault::kMissing, SignatureFault::kMalformed,
                               SignatureFault::kMismatch, SignatureFault::kTimestampOutOfTolerance}) {
    EXPECT_FALSE(CodeOf(fault).empty());
    EXPECT_FALSE(DetailOf(fault).empty());
  }
}

RC_GTEST_PROP(Signature, NeverAcceptsAHeaderThatWasMadeWithoutTheSecret, (const std::string& header)) {
  RC_ASSERT(Verdict(header) != "ok");
}

RC_GTEST_PROP(Signature, AcceptsAnySignedBody, (const std::string& body, const std::string& secret)) {
  const std::int64_t timestamp = *rc::gen::inRange<std::int64_t>(kNow - kTolerance, kNow + kTolerance + 1);
  RC_ASSERT(Verdict(SignatureHeader(secret, timestamp, body), body, {kSecret, secret}) == "ok");
}

}  // namespace
}  // namespace billhook::stripe
