// Reads of the read model `customer_timeline`. Thread safe; throws StorageError.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

struct TimelineFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::string customer;
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

struct Timeline {
  std::size_t customers = 0;  // with this ID: 0, 1, or 2 for several; only of one a page is read
  Page page;
};

// The customer's events in order of their time, then their ID. A customer is an ID under one livemode and
// account of which `customers` or any event knows. A page stands at the lesser of the two models' positions.
// The cursor's key is the time in microseconds and the event's ID.
constexpr std::size_t kTimelineKeyParts = 2;
Timeline ReadTimeline(storage::Database& database, const TimelineFilter& filter, const PageRequest& request);

}  // namespace billhook::query
