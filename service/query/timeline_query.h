// Reads of the read model `customer_timeline`. Thread safe; throws StorageError.
#pragma once

#include <optional>
#include <string>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

struct TimelineFilter {
  std::string tenant;
  std::string customer;
  std::optional<bool> livemode;
  std::optional<std::string> account;
};

// The customer's events in order of their time, then their ID; nothing for a customer of whom neither
// `customers` nor any event knows. A page stands at the lesser of the two models' positions. The cursor's key
// is the time in microseconds and the event's ID.
constexpr std::size_t kTimelineKeyParts = 2;
std::optional<Page> ListTimeline(storage::Database& database, const TimelineFilter& filter,
                                 const PageRequest& request);

}  // namespace billhook::query
