// Where the values of a JSON text stand in it, for whoever keeps a part of a text as it was written. Pure and
// thread safe.
#pragma once

#include <string_view>
#include <vector>

namespace billhook {

// The texts of the values under that key in the objects at that depth (1 is the outermost object), in order,
// each exactly as it stands. `text` is valid JSON in which no object has a key twice.
std::vector<std::string_view> ValuesUnder(std::string_view text, std::string_view key, std::size_t depth);

// The texts of the array's elements, in order, each exactly as it stands. `array` is a valid JSON array.
std::vector<std::string_view> ElementsOf(std::string_view array);

// Whether the text is one JSON value by the grammar (RFC 8259), in UTF-8.
bool IsJson(std::string_view text);

}  // namespace billhook
