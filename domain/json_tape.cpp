#include "domain/json_tape.h"

#include <simdjson.h>

namespace billhook {
namespace {

// What the \u escapes of a valid JSON text say that simdjson does not tell, or not alike in each version.
struct Escapes {
  bool lone_surrogate = false;
  bool nul = false;
};

// The code unit at the first of four hexadecimal digits, or something beyond 0xffff where they are none.
std::uint32_t CodeUnit(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return 0x10000;
  std::uint32_t unit = 0;
  for (const char c : text.substr(at, 4)) {
    const int digit = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                               : -1;
    if (digit < 0) return 0x10000;
    unit = unit << 4 | static_cast<std::uint32_t>(digit);
  }
  return unit;
}

Escapes EscapesIn(std::string_view text) {
  Escapes found;
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    if (text.substr(at + 1, 1) != "u") {
      at += 2;  // with what is escaped, which may be a backslash
      continue;
    }
    const std::uint32_t unit = CodeUnit(text, at + 2);
    at += 6;
    found.nul |= unit == 0;
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const std::uint32_t low = text.substr(at, 2) == "\\u" ? CodeUnit(text, at + 2) : 0;
    if (unit >= 0xdc00 || low < 0xdc00 || low > 0xdfff) return {.lone_surrogate = true, .nul = true};
    at += 6;
  }
  return found;
}

// simdjson's, with room for the greatest text: of that, only what is ever used takes memory.
struct Parser {
  Parser()
      : usable(parser.allocate(JsonTape::kMaxTextBytes, JsonTape::kMaxDepth) == simdjson::SUCCESS &&
               parser.doc.allocate(JsonTape::kMaxTextBytes) == simdjson::SUCCESS) {}
  simdjson::dom::parser parser;
  bool usable;
};

}  // namespace

std::optional<JsonTape> JsonTape::Of(std::string_view text) {
  // Newer versions of simdjson skip a byte order mark.
  if (!text.starts_with('{') || text.size() > kMaxTextBytes) return std::nullopt;
  thread_local Parser own;
  if (!own.usable || own.parser.parse(text.data(), text.size()).error() != simdjson::SUCCESS)
    return std::nullopt;
  const Escapes escapes = EscapesIn(text);
  if (escapes.lone_surrogate) return std::nullopt;
  // https://github.com/simdjson/simdjson/blob/master/doc/tape.md: a word for the root, then the values.
  const std::uint64_t* tape = own.parser.doc.tape.get();
  const auto* strings = reinterpret_cast<const char*>(own.parser.doc.string_buf.get());
  return JsonTape(TapeValue(tape + 1, tape, strings), tape[0] & 0xffffffff, escapes.nul);
}

}  // namespace billhook
