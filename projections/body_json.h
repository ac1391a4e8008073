// How values stand in the bodies that read models show: an absent one is null, a time is RFC 3339 in UTC.
// Keys keep the order in which they are written, so that equal rows are equal texts. Pure, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "domain/time.h"

namespace billhook {

using OrderedJson = nlohmann::ordered_json;

template <typename T>
OrderedJson OrNull(const std::optional<T>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

inline OrderedJson TimeOrNull(const std::optional<std::int64_t>& seconds) {
  return seconds ? OrderedJson(FormatRfc3339(*seconds * kMicrosPerSecond)) : OrderedJson(nullptr);
}

// The Connect account, which is empty for the platform's own objects.
inline OrderedJson AccountOrNull(const std::string& account) {
  return account.empty() ? OrderedJson(nullptr) : OrderedJson(account);
}

}  // namespace billhook
