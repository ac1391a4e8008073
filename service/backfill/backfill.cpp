#include "service/backfill/backfill.h"

#include <algorithm>
#include <unordered_set>

#include "domain/stripe/envelope.h"
#include "service/ingest/stripe_append.h"

namespace billhook::backfill {
namespace {

constexpr std::size_t kEventsACommit = 256;
constexpr std::size_t kBytesACommit = 16 << 20;
// An event may be listed a little after its time: a run that is gone on with looks at this much again.
constexpr std::int64_t kOverlapSeconds = 300;

std::int64_t CreatedOf(const Append& append) {
  return append.event.occurred_at / kMicrosPerSecond;
}

}  // namespace

Run Backfill::Begin(const Walk& walk) {
  const UnixMicros now = clock_();
  const std::int64_t until_s = now / kMicrosPerSecond;
  const std::int64_t reach = until_s - kRetentionSeconds;
  std::optional<Run> unfinished = runs_.Unfinished(walk.tenant, walk.livemode, walk.since_s);
  if (unfinished && unfinished->walked_until_s >= reach) {
    unfinished->until_s = std::max(unfinished->until_s, until_s);
    return *std::move(unfinished);
  }
  Run run;
  run.id = NewUuidV7(now);
  run.tenant = walk.tenant;
  run.livemode = walk.livemode;
  run.since_s = walk.since_s;
  run.from_s = std::max(walk.since_s, reach);
  run.walked_until_s = run.from_s;
  run.until_s = until_s;
  run.started_at = now;
  return run;
}

Result<Run, std::string> Backfill::Do(const Walk& walk) {
  Run run = Begin(walk);
  const auto save = [&] {
    run.updated_at = clock_();
    runs_.Save(run);
    progress_(run);
  };
  save();
  std::int64_t at = std::max(run.from_s, run.walked_until_s - kOverlapSeconds);
  for (std::int64_t width = options_.first_window_s; at < run.until_s;) {
    const std::int64_t end = std::min(at + width, run.until_s);
    Result<Window, std::string> window = Read(run, at, end);
    if (!window) return Unexpected(window.error());
    if (window->too_large) {
      // As if the events lay evenly from the oldest that was seen on.
      width = std::clamp<std::int64_t>((end - CreatedOf(window->events.back())) / 2, 1, (end - at) / 2);
      continue;
    }
    if (window->events.size() < options_.window_events / 4) width = std::min(width * 2, kRetentionSeconds);
    Record(run, *window);
    at = end;
    run.walked_until_s = std::max(run.walked_until_s, end);
    if (at < run.until_s) save();
  }
  run.finished_at = clock_();
  save();
  return run;
}

Result<Backfill::Window, std::string> Backfill::Read(const Run& run, std::int64_t from_s,
                                                     std::int64_t until_s) {
  const bool one_second = until_s - from_s == 1;
  const std::size_t most_events = one_second ? options_.second_events : options_.window_events;
  const std::size_t most_bytes = one_second ? options_.second_bytes : options_.window_bytes;
  Window window;
  std::size_t bytes = 0;
  std::unordered_set<std::string> seen;
  std::string last;
  for (bool more = true; more;) {
    Result<EventsPage, std::string> page = api_.List({from_s, until_s, last});
    if (!page) return Unexpected(page.error());
    if (page->has_more && page->events.empty())
      return Unexpected<std::string>(
          "Stripe's list promises more events and then shows none; try again later");
    for (std::string& body : page->events) {
      Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
      if (!envelope)
        return Unexpected("Stripe's list has something after " + (last.empty() ? "its beginning" : last) +
                          " that is no event: " + envelope.error());
      last = envelope->id;
      if (!seen.insert(last).second)
        return Unexpected("Stripe's list runs in a circle: it shows " + last + " again; try again later");
      bytes += body.size();
      window.events.push_back(ingest::StripeAppend(*std::move(envelope), body, run.tenant, clock_(),
                                                   R"({"backfill":")" + run.id + "\"}"));
    }
    more = page->has_more;
    window.too_large = window.events.size() > most_events || bytes > most_bytes;
    if (!window.too_large) continue;
    if (!one_second) return window;
    return Unexpected("more events than can be held share the second " +
                      FormatRfc3339(from_s * kMicrosPerSecond));
  }
  return window;
}

// From its end: the oldest first.
void Backfill::Record(Run& run, Window& window) {
  std::vector<AppendRequest> requests;
  std::size_t bytes = 0;
  const auto commit = [&] {
    std::vector<const AppendRequest*> batch;
    for (const AppendRequest& request : requests) batch.push_back(&request);
    const std::vector<AppendOutcome> outcomes = log_.AppendBatch(batch, clock_());
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      ++run.listed;
      if (!std::holds_alternative<Recorded>(outcomes[i])) continue;
      ++run.recorded;
      const UnixMicros occurred_at = requests[i].front().event.occurred_at;
      run.missed_from = std::min(run.missed_from.value_or(occurred_at), occurred_at);
      run.missed_to = std::max(run.missed_to.value_or(occurred_at), occurred_at);
    }
    requests.clear();
    bytes = 0;
  };
  for (; !window.events.empty(); window.events.pop_back()) {
    bytes += window.events.back().event.payload.size();
    requests.push_back({std::move(window.events.back())});
    if (requests.size() == kEventsACommit || bytes >= kBytesACommit) commit();
  }
  if (!requests.empty()) commit();
}

}  // namespace billhook::backfill
