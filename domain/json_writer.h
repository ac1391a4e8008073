// Writes JSON text straight into one buffer, compact, or indented by two blanks as Stripe sends it. For texts
// that are made for every event: a document of nodes costs ten times as much. Compact texts are what
// nlohmann's dump() makes of the same. The caller keeps the nesting right; keys are trusted, string values
// are escaped and must be UTF-8. Not thread safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace billhook {

class JsonWriter {
 public:
  enum class Layout { kCompact, kIndented };

  explicit JsonWriter(Layout layout = Layout::kCompact) : indented_(layout == Layout::kIndented) {}

  [[nodiscard]] const std::string& text() const { return text_; }
  std::string TakeText() { return std::move(text_); }
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
  void Value(const char* value) { Value(std::string_view(value)); }
  void Value(const std::string& value) { Value(std::string_view(value)); }
  template <std::integral Number>
  void Value(Number value) {
    Integer(static_cast<std::int64_t>(value));
  }
  void Value(bool value) { Literal(value ? "true" : "false"); }
  void Value(std::nullopt_t) { Literal("null"); }
  template <typename T>
  void Value(const std::optional<T>& value) {
    value ? Value(*value) : Value(std::nullopt);
  }
  // `json` as it stands.
  void Literal(std::string_view json);

  template <typename T>
  void Field(std::string_view key, const T& value) {
    Key(key), Value(value);
  }
  void Literal(std::string_view key, std::string_view json) { Key(key), Literal(json); }

  // The value, or null when the text is empty or the time 0.
  void Optional(std::string_view key, std::string_view value);
  void OptionalTime(std::string_view key, std::int64_t unix_s);

  template <typename... Keys>
  void Nulls(Keys... keys) {
    (Literal(keys, "null"), ...);
  }
  void EmptyObject(std::string_view key) { Literal(key, "{}"); }
  void EmptyList(std::string_view key) { Literal(key, "[]"); }

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Separate();
  void NewLine();
  void Integer(std::int64_t value);

  const bool indented_;
  std::string text_;
  std::size_t depth_ = 0;
  bool first_ = true;       // nothing stands in the innermost object or list yet
  bool after_key_ = false;  // the next value belongs to a key already written
};

}  // namespace billhook
