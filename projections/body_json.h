// How values stand in the bodies that read models show: an absent one is null, a time is RFC 3339 in UTC.
// Keys keep the order in which they are written, so that equal rows are equal texts. Pure, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "domain/json_writer.h"
#include "domain/time.h"

namespace billhook {

using OrderedJson = nlohmann::ordered_json;  // of rows that are few

inline void TimeField(JsonWriter& body, std::string_view key, const std::optional<std::int64_t>& seconds) {
  body.Key(key);
  if (!seconds) return body.Value(std::nullopt);
  body.Value(FormatRfc3339(*seconds * kMicrosPerSecond));
}

// The Connect account, which is empty for the platform's own objects.
inline void AccountField(JsonWriter& body, const std::string& account) {
  body.Optional("account", account);
}

}  // namespace billhook
