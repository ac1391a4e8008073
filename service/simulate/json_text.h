// Writes JSON text straight into one buffer, indented by two blanks as Stripe sends it, or compact. A tree of
// nodes per event would cost more than everything else in the simulation. The caller keeps the nesting right;
// keys are trusted, string values are escaped. Not thread safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace billhook::simulate {

class JsonText {
 public:
  explicit JsonText(bool pretty) : pretty_(pretty) {}

  [[nodiscard]] const std::string& text() const { return text_; }
  void Clear();

  // An object or list as the next value: of Key(), or in a list.
  void Begin() { Open('{'); }
  void End() { Close('}'); }
  void BeginList() { Open('['); }
  void EndList() { Close(']'); }

  void Begin(std::string_view key) { Key(key), Begin(); }
  void BeginList(std::string_view key) { Key(key), BeginList(); }
  void Key(std::string_view key);

  void Value(std::string_view value);

  void Field(std::string_view key, std::string_view value) { Key(key), Value(value); }
  void Field(std::string_view key, const char* value) { Key(key), Value(value); }
  void Field(std::string_view key, const std::string& value) { Key(key), Value(value); }
  void Field(std::string_view key, bool value) { Literal(key, value ? "true" : "false"); }
  template <std::integral Number>
  void Field(std::string_view key, Number value) {
    Integer(key, static_cast<std::int64_t>(value));
  }

  // The value, or null when the text is empty or the time 0.
  void Optional(std::string_view key, std::string_view value);
  void OptionalTime(std::string_view key, std::int64_t unix_s);

  template <typename... Keys>
  void Nulls(Keys... keys) {
    (Literal(keys, "null"), ...);
  }

  // `json` as it stands: a number or another literal.
  void Literal(std::string_view key, std::string_view json);

  void EmptyObject(std::string_view key) { Literal(key, "{}"); }
  void EmptyList(std::string_view key) { Literal(key, "[]"); }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Separate();
  void NewLine();
  void Integer(std::string_view key, std::int64_t value);

  const bool pretty_;
  std::string text_;
  std::size_t depth_ = 0;
  bool first_ = true;       // nothing stands in the innermost object or list yet
  bool after_key_ = false;  // the next value belongs to a key already written
};

}  // namespace billhook::simulate
