// Stripe's list of events (GET /v1/events), page by page. What may pass (no answer, 429, 5xx) is tried again
// after growing pauses, or as long as Stripe asks to wait. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "domain/result.h"
#include "service/http/client.h"

namespace billhook::backfill {

struct EventsQuery {
  std::int64_t from_s = 0;     // `created`, included
  std::int64_t until_s = 0;    // not included
  std::string starting_after;  // the last event of the page before; empty for the first page
};

// The newest first, as Stripe lists them.
struct EventsPage {
  std::vector<std::string> events;  // each the very text that Stripe sent
  bool has_more = false;
};

class EventsApi {
 public:
  static constexpr std::size_t kPageSize = 100;  // Stripe's most
  static constexpr int kMostTries = 8;
  static constexpr std::chrono::milliseconds kFirstPause{500};
  static constexpr std::chrono::milliseconds kLongestPause{30'000};
  static constexpr std::chrono::seconds kLongestRetryAfter{300};

  using Pause = std::function<void(std::chrono::milliseconds, const std::string& why)>;

  // `base` without /v1. `pause` waits that long.
  EventsApi(const std::string& base, const std::string& key, Pause pause);

  // The page, or why there is none, for a person; no part of the key is in it.
  Result<EventsPage, std::string> List(const EventsQuery& query);

 private:
  http::Client client_;
  std::string authorization_;
  Pause pause_;
};

}  // namespace billhook::backfill
