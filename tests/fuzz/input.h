// The input of a fuzz target as text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace billhook::test {

inline std::string_view AsText(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the text up to the separator, which goes too, off the front of `text`.
inline std::string_view TakeUpTo(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view taken = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return taken;
}

}  // namespace billhook::test
