// Structured logs: one line each to standard error, as JSON or as text, through spdlog. Never give it a
// secret, a key, card details, an e-mail address or a payload. Thread safe once Configure was called.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace billhook::log {

enum class Level { kDebug, kInfo, kWarn, kError };
enum class Format { kJson, kText };

using Fields = nlohmann::ordered_json;  // an object; its members become members of the line

void Configure(Level level, Format format);

void Write(Level level, std::string_view message, const Fields& fields = Fields::object());
inline void Debug(std::string_view message, const Fields& fields = Fields::object()) {
  Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, const Fields& fields = Fields::object()) {
  Write(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, const Fields& fields = Fields::object()) {
  Write(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, const Fields& fields = Fields::object()) {
  Write(Level::kError, message, fields);
}

// What all lines that this thread writes within the scope bear beside their own fields: which request they
// are about. Scopes on one thread end in the reverse order of their beginning.
class Context {
 public:
  explicit Context(Fields fields);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

 private:
  Fields before_;
};

// Whether such a line would be written: asked before costly fields are made.
bool Writes(Level level);

// The line without its end.
std::string Line(Level level, Format format, std::string_view message, const Fields& fields,
                 std::int64_t unix_micros);

}  // namespace billhook::log
