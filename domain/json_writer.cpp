#include "domain/json_writer.h"

#include <array>
#include <charconv>

namespace billhook {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

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
    const char c = value[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    text_ += value.substr(plain_from, i - plain_from);
    plain_from = i + 1;
    Escape(c);
  }
  text_ += value.substr(plain_from);
  text_ += '"';
}

void JsonWriter::Escape(char c) {
  constexpr std::string_view kEscaped = "\"\\\b\f\n\r\t";
  constexpr std::string_view kNames = "\"\\bfnrt";
  text_ += '\\';
  if (const std::size_t known = kEscaped.find(c); known != std::string_view::npos) {
    text_ += kNames[known];
    return;
  }
  const auto code = static_cast<unsigned char>(c);
  text_ += "u00";
  text_ += kHexDigits[code >> 4];
  text_ += kHexDigits[code & 15];
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
