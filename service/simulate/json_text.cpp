#include "service/simulate/json_text.h"

#include <array>
#include <charconv>

namespace billhook::simulate {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

void JsonText::Clear() {
  text_.clear();
  depth_ = 0;
  first_ = true;
  after_key_ = false;
}

void JsonText::NewLine() {
  if (!pretty_) return;
  text_ += '\n';
  text_.append(2 * depth_, ' ');
}

void JsonText::Separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ == 0) return;
  if (!first_) text_ += ',';
  first_ = false;
  NewLine();
}

void JsonText::Open(char bracket) {
  Separate();
  text_ += bracket;
  ++depth_;
  first_ = true;
}

void JsonText::Close(char bracket) {
  --depth_;
  if (!first_) NewLine();
  text_ += bracket;
  first_ = false;
}

void JsonText::Key(std::string_view key) {
  Separate();
  text_ += '"';
  text_ += key;
  text_ += pretty_ ? std::string_view("\": ") : std::string_view("\":");
  after_key_ = true;
}

void JsonText::Value(std::string_view value) {
  Separate();
  text_ += '"';
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    text_ += value.substr(plain_from, i - plain_from);
    plain_from = i + 1;
    if (c >= 0x20) {
      text_ += '\\';
      text_ += value[i];
    } else {
      text_ += "\\u00";
      text_ += kHexDigits[c >> 4];
      text_ += kHexDigits[c & 15];
    }
  }
  text_ += value.substr(plain_from);
  text_ += '"';
}

void JsonText::Literal(std::string_view key, std::string_view json) {
  Key(key);
  after_key_ = false;
  text_ += json;
}

void JsonText::Integer(std::string_view key, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  Literal(key, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void JsonText::Optional(std::string_view key, std::string_view value) {
  if (value.empty()) return Literal(key, "null");
  Field(key, value);
}

void JsonText::OptionalTime(std::string_view key, std::int64_t unix_s) {
  if (unix_s == 0) return Literal(key, "null");
  Integer(key, unix_s);
}

}  // namespace billhook::simulate
