// The one way in which billhook turns JSON text into a document. A document is refused, with the reason,
// unless each reader would understand it alike (I-JSON, RFC 7493): no key twice in an object, no NUL, no lone
// surrogate, no integer beyond int64, no number beyond a double. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "domain/result.h"

namespace billhook {

using Json = nlohmann::json;

// The document, or the reason why the text is none; the reason quotes nothing of the text.
Result<Json, std::string> ParseJson(std::string_view text);

// Whether a reader wants the member of that key. `around` has the key of each object and array around it, the
// outermost first: empty for the outermost of all, and for an element of an array that of the array. So its
// size is the depth, 1 for the keys of the outermost object. Whoever wants a member deeper down wants those
// around it too.
using MemberFilter = bool (*)(std::span<const std::string_view> around, std::string_view key);

// The document without the members that `wants` leaves out: these are checked for JSON's grammar alone and
// cost nothing else.
Result<Json, std::string> ParseJson(std::string_view text, MemberFilter wants);

// The same for a text without fault, what is left out included. Nothing where ParseJson refuses the whole
// text, or may: ask it then.
std::optional<Json> ParseFaultlessJson(std::string_view text, MemberFilter wants);

}  // namespace billhook
