// A backfill: walks Stripe's list of events from some time up to now, oldest first, and records each as the
// webhook would have, so that those which the log has already are duplicates. Stripe lists the newest first;
// so time is cut into windows small enough to be held in memory, each of which is read whole and recorded
// from its end. How far a run has come is kept after each window. One thread; throws StorageError.
#pragma once

#include <functional>

#include "domain/event_store.h"
#include "service/backfill/events_api.h"
#include "service/backfill/runs.h"
#include "service/clock.h"

namespace billhook::backfill {

struct Walk {
  std::string tenant;
  bool livemode = true;
  std::int64_t since_s = 0;
};

struct BackfillOptions {
  std::size_t window_events = 2'000;    // more than that, and the window is cut
  std::size_t window_bytes = 64 << 20;  // payload
  std::size_t second_events = 100'000;  // a second cannot be cut
  std::size_t second_bytes = 1UL << 30;
  std::int64_t first_window_s = 86'400;
};

class Backfill {
 public:
  using Progress = std::function<void(const Run&)>;  // after each window

  Backfill(EventsApi& api, EventStore& log, Runs& runs, Clock clock, Progress progress,
           BackfillOptions options = {})
      : api_(api),
        log_(log),
        runs_(runs),
        clock_(std::move(clock)),
        progress_(std::move(progress)),
        options_(options) {}

  // The finished run, or why it ended early, for a person; what it has seen by then is kept, and the next
  // call goes on from there.
  Result<Run, std::string> Do(const Walk& walk);

 private:
  struct Window {
    std::vector<Append> events;  // the newest first
    bool too_large = false;
  };

  Run Begin(const Walk& walk);
  Result<Window, std::string> Read(const Run& run, std::int64_t from_s, std::int64_t until_s);
  void Record(Run& run, Window& window);

  EventsApi& api_;
  EventStore& log_;
  Runs& runs_;
  Clock clock_;
  Progress progress_;
  BackfillOptions options_;
};

}  // namespace billhook::backfill
