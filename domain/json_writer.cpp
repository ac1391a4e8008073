#include "domain/json_writer.h"

#include <array>
#include <charconv>

namespace billhook {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// What stands behind the backslash for a character: 0 where it needs none, 'u' where its number follows.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> escapes{};
  for (unsigned char c = 0; c < 0x20; ++c) escapes[c] = 'u';
  constexpr std::string_view kShort = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (std::size_t i = 0; i < kShort.size(); i += 2)
    escapes[static_cast<unsigned char>(kShort[i])] = kShort[i + 1];
  return escapes;
}();

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
  text_ += '"';
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    const char escape = kEscapes[c];
    if (escape == 0) continue;
    text_.append(value, plain_from, i - plain_from);
    plain_from = i + 1;
    text_ += '\\';
    text_ += escape;
    if (escape != 'u') continue;
    text_ += "00";
    text_ += kHexDigits[c >> 4];
    text_ += kHexDigits[c & 15];
  }
  text_.append(value, plain_from);
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
