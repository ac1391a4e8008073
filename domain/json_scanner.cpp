#include "domain/json_scanner.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "domain/check.h"

namespace billhook {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// How many of eight bytes come before the first that is not plain: ASCII from 0x20 up, and neither a quote
// nor a backslash.
std::size_t PlainBytes(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const std::uint64_t quote = word ^ (kOnes * '"');
  const std::uint64_t backslash = word ^ (kOnes * '\\');
  // A subtraction may borrow from the bytes behind the first such, never from those before it.
  const std::uint64_t special =
      ((word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes) | word) & kHighs;
  return static_cast<std::size_t>(std::countr_zero(special)) / 8;  // 64 where none is
}

bool IsContinuation(unsigned char byte) {
  return (byte & 0xc0) == 0x80;
}

void AppendUtf8(std::string& out, std::uint32_t code_point) {
  const auto push = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xc0 | code_point >> 6);
    push(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    push(0xe0 | code_point >> 12);
    push(0x80 | (code_point >> 6 & 0x3f));
    push(0x80 | (code_point & 0x3f));
  } else {
    push(0xf0 | code_point >> 18);
    push(0x80 | (code_point >> 12 & 0x3f));
    push(0x80 | (code_point >> 6 & 0x3f));
    push(0x80 | (code_point & 0x3f));
  }
}

std::uint32_t FourHexDigits(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 4 | static_cast<std::uint32_t>(HexValue(text[at + i]));
  return value;
}

}  // namespace

JsonScanner::Token JsonScanner::Fail(const char* why) {
  error_ = why;
  return Token::kInvalid;
}

void JsonScanner::SkipSpace() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
    ++at_;
  }
}

JsonScanner::Token JsonScanner::Next() {
  if (*error_ != '\0') return Token::kInvalid;
  SkipSpace();
  if (at_ == text_.size()) {
    if (expect_ == Expect::kEndOfText) return Token::kEnd;
    return Fail("the text ends too early");
  }
  const char c = text_[at_];
  switch (expect_) {
    case Expect::kEndOfText:
      return Fail("something follows the value");
    case Expect::kCommaOrEnd:
      if (c == ',') {
        ++at_;
        expect_ = is_object_[depth_ - 1] ? Expect::kKey : Expect::kValue;
        return Next();
      }
      return Close();
    case Expect::kFirstKeyOrEnd:
      if (c == '}') return Close();
      [[fallthrough]];
    case Expect::kKey: {
      if (c != '"') return Fail("a key is missing");
      if (!String()) return Token::kInvalid;
      SkipSpace();
      if (at_ == text_.size() || text_[at_] != ':') return Fail("a colon is missing");
      ++at_;
      expect_ = Expect::kValue;
      return Token::kKey;
    }
    case Expect::kFirstValueOrEnd:
      if (c == ']') return Close();
      [[fallthrough]];
    case Expect::kValue:
      return Value();
  }
  BILLHOOK_CHECK(false);
}

JsonScanner::Token JsonScanner::Open(bool is_object) {
  if (depth_ == kMaxDepth) return Fail("the text is nested too deeply");
  is_object_[depth_++] = is_object;
  ++at_;
  expect_ = is_object ? Expect::kFirstKeyOrEnd : Expect::kFirstValueOrEnd;
  return is_object ? Token::kBeginObject : Token::kBeginArray;
}

JsonScanner::Token JsonScanner::Close() {
  const bool is_object = is_object_[depth_ - 1];
  if (text_[at_] != (is_object ? '}' : ']'))
    return Fail("a comma or the end of an object or array is missing");
  ++at_;
  --depth_;
  AfterValue();
  return is_object ? Token::kEndObject : Token::kEndArray;
}

JsonScanner::Token JsonScanner::Value() {
  switch (text_[at_]) {
    case '{':
      return Open(true);
    case '[':
      return Open(false);
    case '"':
      if (!String()) return Token::kInvalid;
      AfterValue();
      return Token::kString;
    case 't':
      return Literal("true", Token::kTrue);
    case 'f':
      return Literal("false", Token::kFalse);
    case 'n':
      return Literal("null", Token::kNull);
    default:
      return Number();
  }
}

JsonScanner::Token JsonScanner::Literal(std::string_view word, Token token) {
  if (text_.substr(at_, word.size()) != word) return Fail("a value is malformed");
  at_ += word.size();
  AfterValue();
  return token;
}

JsonScanner::Token JsonScanner::Number() {
  const std::size_t start = at_;
  const auto peek = [this] { return at_ < text_.size() ? text_[at_] : '\0'; };
  const auto digits = [&] {
    const std::size_t first = at_;
    while (IsDigit(peek())) ++at_;
    return at_ > first;
  };
  if (peek() == '-') ++at_;
  if (peek() == '0') {
    ++at_;
  } else if (!digits()) {
    return Fail("a value is malformed");
  }
  if (peek() == '.') {
    ++at_;
    if (!digits()) return Fail("a number is malformed");
  }
  if (peek() == 'e' || peek() == 'E') {
    ++at_;
    if (peek() == '+' || peek() == '-') ++at_;
    if (!digits()) return Fail("a number is malformed");
  }
  token_text_ = text_.substr(start, at_ - start);
  AfterValue();
  return Token::kNumber;
}

bool JsonScanner::String() {
  const std::size_t start = ++at_;
  escaped_ = false;
  while (true) {
    for (std::size_t plain = 8; plain == 8 && at_ + 8 <= text_.size(); at_ += plain)
      plain = PlainBytes(text_.data() + at_);
    if (at_ == text_.size()) break;
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c == '"') {
      token_text_ = text_.substr(start, at_ - start);
      ++at_;
      return true;
    }
    if (c < 0x20) {
      Fail("a string holds a control character");
      return false;
    }
    if (c == '\\') {
      if (!Escape()) return false;
    } else if (c < 0x80) {
      ++at_;
    } else if (!MultiByte()) {
      return false;
    }
  }
  Fail("a string does not end");
  return false;
}

bool JsonScanner::Escape() {
  escaped_ = true;
  const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (kind == 'u') {
    for (std::size_t i = at_ + 2; i < at_ + 6; ++i) {
      if (i >= text_.size() || HexValue(text_[i]) < 0) {
        Fail("an escape is malformed");
        return false;
      }
    }
    at_ += 6;
    return true;
  }
  if (kind == '\0' || std::string_view("\"\\/bfnrt").find(kind) == std::string_view::npos) {
    Fail("an escape is malformed");
    return false;
  }
  at_ += 2;
  return true;
}

// One UTF-8 sequence of two to four bytes, by the table of RFC 3629: no overlong forms, no surrogates, at
// most U+10FFFF.
bool JsonScanner::MultiByte() {
  const auto byte = [this](std::size_t i) {
    return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0u;
  };
  const unsigned lead = byte(0);
  const unsigned second = byte(1);
  std::size_t length = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)) length = 0;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if ((lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) length = 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(static_cast<unsigned char>(byte(i)))) length = 0;
  }
  if (length == 0) {
    Fail("the text is not valid UTF-8");
    return false;
  }
  at_ += length;
  return true;
}

std::string DecodeJsonString(std::string_view raw, bool* lone_surrogate) {
  std::string value;
  value.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] != '\\') {
      const std::size_t end = std::min(raw.find('\\', at), raw.size());
      value.append(raw, at, end - at);
      at = end;
      continue;
    }
    const char kind = raw[at + 1];
    if (kind != 'u') {
      constexpr std::string_view kKinds = "\"\\/bfnrt";
      constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
      value += kValues[kKinds.find(kind)];
      at += 2;
      continue;
    }
    std::uint32_t code_point = FourHexDigits(raw, at + 2);
    at += 6;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
      const bool escape_follows = raw.substr(at, 2) == "\\u";
      const std::uint32_t low = escape_follows ? FourHexDigits(raw, at + 2) : 0;
      if (code_point < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
        code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      } else {
        *lone_surrogate = true;
      }
    }
    AppendUtf8(value, code_point);
  }
  return value;
}

}  // namespace billhook
