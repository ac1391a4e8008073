// A strict pull parser for JSON text (RFC 8259): every byte is checked (grammar, UTF-8, depth), nothing is
// converted. It exists because a verified webhook must be judged and recorded as it stands: number ranges,
// lone surrogate escapes and repeated keys are legal JSON that documents cannot hold, so what a token means
// is left to the caller. Each scanner is for one thread; it keeps views into the text, which must outlive it.
#pragma once

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace billhook {

class JsonScanner {
 public:
  // The outermost value is at depth 1.
  static constexpr std::size_t kMaxDepth = 512;

  enum class Token {
    kBeginObject,
    kEndObject,
    kBeginArray,
    kEndArray,
    kKey,     // text(): what stands between the quotes
    kString,  // the same
    kNumber,  // text(): the number as written
    kTrue,
    kFalse,
    kNull,
    kEnd,      // the text held exactly one value
    kInvalid,  // error() says why; the scanner stays there
  };

  explicit JsonScanner(std::string_view text) : text_(text) {}

  Token Next();

  [[nodiscard]] std::string_view text() const { return token_text_; }
  // Whether the last key or string holds a backslash escape, so that text() is not yet its value.
  [[nodiscard]] bool escaped() const { return escaped_; }
  // How many objects and arrays are open: 1 for the keys of the outermost object.
  [[nodiscard]] std::size_t depth() const { return depth_; }
  [[nodiscard]] std::string_view error() const { return error_; }
  // How many bytes have been read: up to the end of the last token, of a key with its colon.
  [[nodiscard]] std::size_t offset() const { return at_; }

 private:
  enum class Expect { kValue, kFirstKeyOrEnd, kKey, kFirstValueOrEnd, kCommaOrEnd, kEndOfText };

  Token Fail(const char* why);
  Token Open(bool is_object);
  Token Close();
  Token Value();
  Token Literal(std::string_view word, Token token);
  Token Number();
  bool String();
  bool Escape();
  bool MultiByte();
  void SkipSpace();
  void AfterValue() { expect_ = depth_ == 0 ? Expect::kEndOfText : Expect::kCommaOrEnd; }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string_view token_text_;
  bool escaped_ = false;
  std::size_t depth_ = 0;
  std::bitset<kMaxDepth> is_object_;
  Expect expect_ = Expect::kValue;
  const char* error_ = "";
};

// The value of a key or string as it stands between its quotes, in UTF-8. A lone surrogate becomes its three
// bytes and sets
// `*lone_surrogate` (never null), so equal texts stay equal, but such a value is no UTF-8.
std::string DecodeJsonString(std::string_view between_quotes, bool* lone_surrogate);

}  // namespace billhook
