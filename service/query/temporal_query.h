// The events of one stream within a window of time, page by page. Thread safe; throws StorageError.
#pragma once

#include <optional>

#include "service/query/aggregate_state.h"
#include "service/query/page.h"

namespace billhook::query {

// Both ends belong to it.
struct Window {
  std::optional<UnixMicros> from;
  std::optional<UnixMicros> to;
  AsOf::Axis axis = AsOf::Axis::kOccurred;
};

constexpr std::size_t kMaxWindowEvents = 1'000;
constexpr std::size_t kWindowKeyParts = 1;

// In order of version, at most `request.limit` events and `request.max_bytes` of payload, but one at least.
Page EventsWithin(storage::Session& session, const Stream& stream, const Window& window,
                  const PageRequest& request);

}  // namespace billhook::query
