// Reads members of a command's or an event's data: a member that is absent, null or of another type is
// nothing. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "domain/json.h"

namespace billhook {

std::optional<std::string> TextIn(const Json& object, const char* key);
std::optional<std::int64_t> IntegerIn(const Json& object, const char* key);
std::optional<bool> BooleanIn(const Json& object, const char* key);

// Three letters as a currency is kept, in lower case; nothing if it is none.
std::optional<std::string> CurrencyIn(const Json& object, const char* key);

}  // namespace billhook
