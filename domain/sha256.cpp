#include "domain/sha256.h"

#include <algorithm>
#include <memory>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "domain/check.h"

namespace billhook {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr std::size_t kBlockSize = 64;

// EVP contexts are costly to make, and a fetched digest costlier still: one of each for a thread.
class Hasher {
 public:
  Hasher()
      : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free),
        sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr), &EVP_MD_free) {
    BILLHOOK_CHECK(context_ != nullptr && sha256_ != nullptr);
  }
  void Start() { BILLHOOK_CHECK(EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr) == 1); }
  void Update(const void* bytes, std::size_t size) {
    BILLHOOK_CHECK(EVP_DigestUpdate(context_.get(), bytes, size) == 1);
  }
  Digest Finish() {
    Digest digest;
    BILLHOOK_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> sha256_;
};

Hasher& ThreadHasher() {
  thread_local Hasher hasher;
  return hasher;
}

// Sixteen random bytes. OpenSSL takes as long for a few of them as for many: a thread asks for many at a
// time.
std::array<std::uint8_t, 16> RandomBytes() {
  thread_local std::array<std::uint8_t, 1'024> pool;
  thread_local std::size_t used = pool.size();
  if (used == pool.size()) {
    BILLHOOK_CHECK(RAND_bytes(pool.data(), static_cast<int>(pool.size())) == 1);
    used = 0;
  }
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(pool.begin() + static_cast<std::ptrdiff_t>(used), bytes.size(), bytes.begin());
  used += bytes.size();
  return bytes;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

Digest Sha256(std::initializer_list<std::string_view> parts) {
  Hasher& hasher = ThreadHasher();
  hasher.Start();
  for (std::string_view part : parts) hasher.Update(part.data(), part.size());
  return hasher.Finish();
}

Digest HmacSha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  // RFC 2104: H((K ^ opad) || H((K ^ ipad) || text)), keys longer than a block hashed first.
  std::array<std::uint8_t, kBlockSize> block{};
  if (key.size() > kBlockSize) {
    const Digest hashed = Sha256({key});
    std::copy(hashed.begin(), hashed.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (std::uint8_t& byte : block) byte ^= 0x36;
  Hasher& hasher = ThreadHasher();
  hasher.Start();
  hasher.Update(block.data(), block.size());
  for (std::string_view part : parts) hasher.Update(part.data(), part.size());
  const Digest inner = hasher.Finish();
  for (std::uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  hasher.Start();
  hasher.Update(block.data(), block.size());
  hasher.Update(inner.data(), inner.size());
  const Digest mac = hasher.Finish();
  OPENSSL_cleanse(block.data(), block.size());
  return mac;
}

bool EqualInConstantTime(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string_view AsBytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string ToHex(const Digest& digest) {
  std::string hex;
  hex.reserve(digest.size() * 2);
  for (std::uint8_t byte : digest) {
    hex += kHexDigits[byte >> 4];
    hex += kHexDigits[byte & 15];
  }
  return hex;
}

std::optional<Digest> DigestFromHex(std::string_view hex) {
  Digest digest;
  if (hex.size() != digest.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = HexValue(hex[2 * i]);
    const int low = HexValue(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

std::string NewUuidV7(UnixMicros at) {
  const std::int64_t unix_ms = at / 1000;
  const auto fraction = static_cast<std::uint32_t>(at % 1000 * 4096 / 1000);  // of a millisecond, in 12 bits
  std::array<std::uint8_t, 16> bytes = RandomBytes();
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  bytes[6] = static_cast<std::uint8_t>(0x70 | fraction >> 8);
  bytes[7] = static_cast<std::uint8_t>(fraction);
  bytes[8] = static_cast<std::uint8_t>(0x80 | (bytes[8] & 0x3f));
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHexDigits[bytes[i] >> 4];
    text += kHexDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace billhook
