// One member of `previous_attributes`: the old value where it differs from the new one, else nothing. For the
// renderers. Pure and thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "domain/json_writer.h"

namespace billhook::simulate {

inline void Changed(JsonWriter& json, std::string_view key, const std::string& before,
                    const std::string& after) {
  if (before != after) json.Optional(key, before);
}

inline void Changed(JsonWriter& json, std::string_view key, std::int64_t before, std::int64_t after) {
  if (before != after) json.Field(key, before);
}

inline void Changed(JsonWriter& json, std::string_view key, bool before, bool after) {
  if (before != after) json.Field(key, before);
}

inline void ChangedTime(JsonWriter& json, std::string_view key, std::int64_t before, std::int64_t after) {
  if (before != after) json.OptionalTime(key, before);
}

}  // namespace billhook::simulate
