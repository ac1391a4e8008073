#include "domain/json_writer.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace billhook {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::size_t kLongestEscape = 6;
constexpr std::size_t kCopied = 8;  // bytes, in one go, whatever the escape has of them
constexpr std::size_t kBlock = 16;

// A character as a JSON text has it.
struct Escaped {
  std::array<char, kCopied> text{};
  std::size_t size = 0;
};

constexpr std::array<Escaped, 256> kEscaped = [] {
  std::array<Escaped, 256> all{};
  for (std::size_t c = 0; c < all.size(); ++c) {
    all[c] = {{static_cast<char>(c)}, 1};
    if (c < 0x20) all[c] = {{'\\', 'u', '0', '0', kHexDigits[c >> 4], kHexDigits[c & 15]}, 6};
  }
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (std::size_t i = 0; i < kShort.size(); i += 2)
    all[static_cast<unsigned char>(kShort[i])] = {{'\\', kShort[i + 1]}, 2};
  return all;
}();

char* Put(char* end, char c) {
  const Escaped& escaped = kEscaped[static_cast<unsigned char>(c)];
  std::memcpy(end, escaped.text.data(), kCopied);
  return end + escaped.size;
}

#ifdef __SSE2__
// A bit for each character of the block that needs an escape.
unsigned EscapesIn(__m128i block) {
  const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
  const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
  const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)));
}

__m128i Load(const char* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

void Store(char* to, __m128i block) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
}

// A block as it is but for its escapes. An indented text has one in every six characters, which no processor
// guesses: so behind each the rest is copied anew, as a whole block, and two must be there to read.
char* PutBlock(char* end, const char* from) {
  const __m128i block = Load(from);
  Store(end, block);
  std::size_t done = 0;
  for (unsigned escapes = EscapesIn(block); escapes != 0; escapes &= escapes - 1) {
    const auto at = static_cast<std::size_t>(std::countr_zero(escapes));
    end = Put(end + (at - done), from[at]);
    done = at + 1;
    Store(end, Load(from + done));
  }
  return end + (kBlock - done);
}
#endif

}  // namespace

void JsonWriter::Clear() {
  text_.clear();
  depth_ = 0;
  first_ = true;
  after_key_ = false;
}

void JsonWriter::NewLine() {
  if (!indented_) return;
  text_ += '\n';
  text_.append(2 * depth_, ' ');
}

void JsonWriter::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ == 0) return;
  if (!first_) text_ += ',';
  first_ = false;
  NewLine();
}

void JsonWriter::Open(char bracket) {
  Separate();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonWriter::Close(char bracket) {
  --depth_;
  if (!first_) NewLine();
  text_ += bracket;
  first_ = false;
}

void JsonWriter::Key(std::string_view key) {
  Separate();
  text_ += '"';
  text_ += key;
  text_ += indented_ ? std::string_view("\": ") : std::string_view("\":");
  after_key_ = true;
}

void JsonWriter::Value(std::string_view value) {
  Separate();
  text_.reserve(text_.size() + value.size() + value.size() / 4 + 2);
  text_ += '"';
  constexpr std::size_t kAtATime = 1'024;
  std::array<char, kLongestEscape * kAtATime + kBlock>
      escaped;  // NOLINT(*-member-init): written before it is read
  while (!value.empty()) {
    const std::string_view part = value.substr(0, kAtATime);
    char* end = escaped.data();
    std::size_t i = 0;
#ifdef __SSE2__
    for (; i + 2 * kBlock <= part.size(); i += kBlock) end = PutBlock(end, part.data() + i);
#endif
    for (; i < part.size(); ++i) end = Put(end, part[i]);
    text_.append(escaped.data(), static_cast<std::size_t>(end - escaped.data()));
    value.remove_prefix(part.size());
  }
  text_ += '"';
}

void JsonWriter::Literal(std::string_view json) {
  Separate();
  text_ += json;
}

void JsonWriter::Integer(std::int64_t value) {
  std::array<char, 24> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  Literal(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void JsonWriter::Optional(std::string_view key, std::string_view value) {
  if (value.empty()) return Literal(key, "null");
  Field(key, value);
}

void JsonWriter::OptionalTime(std::string_view key, std::int64_t unix_s) {
  if (unix_s == 0) return Literal(key, "null");
  Field(key, unix_s);
}

}  // namespace billhook
