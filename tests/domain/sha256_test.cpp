#include "domain/sha256.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook {
namespace {

std::string Bytes(std::size_t count, char byte) {
  return std::string(count, byte);
}

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(ToHex(Sha256({""})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha256({"abc"})), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(Sha256({"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"})),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, HashesPartsAsTheirConcatenation) {
  EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256({"abc"}));
  EXPECT_EQ(HmacSha256("key", {"12", ".", "body"}), HmacSha256("key", {"12.body"}));
}

TEST(HmacSha256, MatchesTheVectorsOfRfc4231) {
  const struct {
    std::string key;
    std::string text;
    std::string mac;
  } vectors[] = {
      {Bytes(20, '\x0b'), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Bytes(20, '\xaa'), Bytes(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
       Bytes(50, '\xcd'), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {Bytes(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {Bytes(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
       "to "
       "be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const auto& vector : vectors) EXPECT_EQ(ToHex(HmacSha256(vector.key, {vector.text})), vector.mac);
}

TEST(HmacSha256, TakesAKeyOfExactlyOneBlockAsItIs) {
  // A longer key stands for its hash; one of 64 bytes does not.
  const std::string block = Bytes(64, 'k');
  EXPECT_NE(HmacSha256(block, {"text"}), HmacSha256(AsBytes(Sha256({block})), {"text"}));
  EXPECT_EQ(HmacSha256(block + "k", {"text"}), HmacSha256(AsBytes(Sha256({block + "k"})), {"text"}));
}

TEST(Digests, AreEqualOnlyWhenEveryByteIs) {
  const Digest digest = Sha256({"abc"});
  EXPECT_TRUE(EqualInConstantTime(digest, Sha256({"abc"})));
  for (std::size_t i = 0; i < digest.size(); ++i) {
    Digest other = digest;
    other[i] ^= 1;
    EXPECT_FALSE(EqualInConstantTime(digest, other)) << "byte " << i;
  }
}

RC_GTEST_PROP(DigestHex, ReadsBackWhatItWrote, (const std::string& text)) {
  const Digest digest = Sha256({text});
  RC_ASSERT(DigestFromHex(ToHex(digest)) == digest);
}

TEST(DigestHex, RefusesAllButSixtyFourLowerCaseDigits) {
  const std::string hex = ToHex(Sha256({"abc"}));
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& text :
       {std::string(), hex.substr(1), hex + "0", upper, "g" + hex.substr(1), hex.substr(1) + " ",
        "0x" + hex.substr(2), hex.substr(0, 63) + std::string(1, '\0')}) {
    EXPECT_FALSE(DigestFromHex(text).has_value()) << text;
  }
}

TEST(UuidV7, BearsItsTimeVersionAndVariant) {
  const std::string uuid = NewUuidV7(0x0123456789ab * std::int64_t{1000} + 500);
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid.substr(0, 18), "01234567-89ab-7800") << "half a millisecond is half of 12 bits";
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    EXPECT_EQ(uuid[i] == '-', dash) << uuid;
    EXPECT_NE(std::string("-0123456789abcdef").find(uuid[i]), std::string::npos) << uuid;
  }
}

TEST(UuidV7, NeverRepeatsWithinAMillisecond) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(NewUuidV7(1'767'225'600'000'000));
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace billhook
