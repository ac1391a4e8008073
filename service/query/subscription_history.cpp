#include "service/query/subscription_history.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <nlohmann/json.hpp>

#include "projections/subscriptions.h"
#include "service/query/subscription_stream.h"
#include "service/query/where.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

constexpr const char* kSubscriptions = "subscriptions";

std::int64_t NumberIn(const std::string& text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Events of one moment, between two of them in a stream.
ToldEvents MomentFrom(const ToldEvents& events, std::size_t begin) {
  std::size_t end = begin;
  while (end < events.size() && events[end].moment == events[begin].moment) ++end;
  return {events.begin() + static_cast<std::ptrdiff_t>(begin),
          events.begin() + static_cast<std::ptrdiff_t>(end)};
}

ToldEvents MomentBefore(const ToldEvents& events, std::size_t end) {
  std::size_t begin = end;
  while (begin > 0 && events[begin - 1].moment == events[end - 1].moment) --begin;
  return {events.begin() + static_cast<std::ptrdiff_t>(begin),
          events.begin() + static_cast<std::ptrdiff_t>(end)};
}

// Reads that are each too small to be worth a query, up to as much payload as is taken into memory at a time.
class Gathered {
 public:
  // False, and no change, where it would become too much; the first always fits.
  bool Add(const ToldEvents& events) {
    std::int64_t bytes = bytes_;
    for (const ToldEvent& event : events) bytes += event.bytes;
    if (!events_.empty() && bytes > storage::kMaxReadBytes) return false;
    bytes_ = bytes;
    events_.insert(events_.end(), events.begin(), events.end());
    return true;
  }
  [[nodiscard]] const ToldEvents& events() const { return events_; }

 private:
  ToldEvents events_;
  std::int64_t bytes_ = 0;
};

// The moment of the subscription's first deletion.
std::optional<stripe::Moment> DeletionIn(SubscriptionStreams& streams, const ToldEvents& events,
                                         const std::string& row_key) {
  for (std::size_t at = 0; at < events.size();) {
    const ToldEvents moment = MomentFrom(events, at);
    at += moment.size();
    if (moment.front().moment.phase != stripe::Phase::kDeleted) continue;
    if (!InOrder(streams.Load(moment), moment, row_key).empty()) return moment.front().moment;
  }
  return std::nullopt;
}

std::string HistoryRow(const LoadedEvent& event, bool deleted) {
  const stripe::EventBody& body = event.told.body;
  stripe::Subscription subscription = event.told.subscription;
  if (deleted) MakeDeleted(subscription);
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  return R"({"event_id":)" + quoted(body.id) + R"(,"event_type":)" + quoted(body.type) +
         R"(,"occurred_at":)" + quoted(FormatRfc3339(event.occurred_at)) + R"(,"recorded_at":)" +
         quoted(FormatRfc3339(event.recorded_at)) + R"(,"position":)" + std::to_string(body.position) +
         R"(,"subscription":)" + SubscriptionBody(subscription, body) + "}";
}

// One subscription on its way into the past: its moments are tried from the newest on until one holds an
// event that can be used and is its own.
struct Past {
  KnownSubscription known;
  const ToldEvents* events = nullptr;  // of all subscriptions with this ID
  std::size_t end = 0;                 // behind the moment that is to be tried next
  std::optional<SubscriptionEvent> newest;
  bool deleted = false;

  [[nodiscard]] bool open() const { return !newest && end > 0; }
  // The deletions before the newest event's moment.
  [[nodiscard]] ToldEvents Deletions() const {
    ToldEvents deletions;
    for (std::size_t i = 0; i < end; ++i) {
      if ((*events)[i].moment.phase == stripe::Phase::kDeleted) deletions.push_back((*events)[i]);
    }
    return deletions;
  }
};

// Calls `settle(past, loaded)` for each with the events that `wanted(past)` names in memory.
template <typename Wanted, typename Settle>
void LoadFor(SubscriptionStreams& streams, const std::vector<Past*>& pasts, Wanted wanted, Settle settle) {
  for (auto next = pasts.begin(); next != pasts.end();) {
    const auto first = next;
    Gathered gathered;
    while (next != pasts.end() && gathered.Add(wanted(**next))) ++next;
    const LoadedEvents loaded = streams.Load(gathered.events());
    for (auto past = first; past != next; ++past) settle(**past, loaded);
  }
}

void FindNewest(SubscriptionStreams& streams, std::vector<Past>& pasts) {
  for (;;) {
    std::vector<Past*> open;
    for (Past& past : pasts) {
      if (past.open()) open.push_back(&past);
    }
    if (open.empty()) return;
    LoadFor(
        streams, open, [](const Past& past) { return MomentBefore(*past.events, past.end); },
        [](Past& past, const LoadedEvents& loaded) {
          const ToldEvents moment = MomentBefore(*past.events, past.end);
          past.end -= moment.size();
          const std::vector<const LoadedEvent*> own = InOrder(loaded, moment, past.known.row_key);
          if (own.empty()) return;
          past.newest = own.back()->told;
          past.newest->body.object = nullptr;  // decoded already, and large
          past.deleted = moment.front().moment.phase == stripe::Phase::kDeleted;
        });
  }
}

void FindDeletions(SubscriptionStreams& streams, std::vector<Past>& pasts) {
  std::vector<Past*> doubtful;
  for (Past& past : pasts) {
    if (past.newest && !past.deleted && !past.Deletions().empty()) doubtful.push_back(&past);
  }
  LoadFor(
      streams, doubtful, [](const Past& past) { return past.Deletions(); },
      [](Past& past, const LoadedEvents& loaded) {
        for (const ToldEvent& deletion : past.Deletions()) {
          const auto found = loaded.find(deletion.position);
          past.deleted |= found != loaded.end() && found->second.told.Key() == past.known.row_key;
        }
      });
}

// The states of the subscriptions as of then; without `newest` where they did not exist.
std::vector<Past> PastOf(SubscriptionStreams& streams, const std::map<std::string, ToldEvents>& told,
                         const std::vector<KnownSubscription>& known) {
  std::vector<Past> pasts;
  for (const KnownSubscription& subscription : known) {
    const auto events = told.find(subscription.id);
    if (events == told.end()) continue;
    pasts.push_back({subscription, &events->second, events->second.size(), std::nullopt, false});
  }
  FindNewest(streams, pasts);
  FindDeletions(streams, pasts);
  for (Past& past : pasts) {
    if (past.newest && past.deleted) MakeDeleted(past.newest->subscription);
  }
  return pasts;
}

bool Matches(const stripe::Subscription& subscription, const SubscriptionFilter& filter) {
  if (filter.status && subscription.status != *filter.status) return false;
  if (filter.customer && subscription.customer != filter.customer) return false;
  return !filter.price ||
         std::any_of(subscription.items.begin(), subscription.items.end(),
                     [&](const stripe::SubscriptionItem& item) { return item.price == filter.price; });
}

Page ReadAsOf(storage::Database& database, const SubscriptionFilter& filter,
              const std::optional<std::string>& id, const AsOf& as_of, const PageRequest& request) {
  constexpr std::size_t kLeastChunk = 20;
  const std::size_t chunk = std::max(kLeastChunk, request.limit + 1);
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, kSubscriptions);
  if (filter.timeline.branch()) {
    const BranchObjects objects = SubscriptionsOnBranch(filter, live, as_of);
    const auto wanted = [&filter](const Row& row) { return IsWanted(filter, row); };
    return id ? FindObjects(*session, objects, *id, wanted) : ListObjects(*session, objects, wanted, request);
  }
  SubscriptionStreams streams(*session, filter.tenant, live.position);
  Page page;
  page.position = live.position;
  Key after = request.after;
  for (std::size_t looked_at = 0; looked_at < kMaxLookedAt; looked_at += chunk) {
    const std::vector<KnownSubscription> known = ListKnown(*session, live, filter, id, after, chunk);
    std::set<std::string> ids;
    for (const KnownSubscription& subscription : known) ids.insert(subscription.id);
    const std::map<std::string, ToldEvents> told = streams.Tell({ids.begin(), ids.end()}, as_of);
    for (const Past& past : PastOf(streams, told, known)) {
      if (!past.newest || !Matches(past.newest->subscription, filter)) continue;
      std::string row = SubscriptionBody(past.newest->subscription, past.newest->body);
      if (!AddToPage(page, request, std::move(row), {past.known.id, past.known.row_key})) return page;
    }
    if (known.size() < chunk) return page;
    after = {known.back().id, known.back().row_key};
  }
  page.has_more = true;
  page.last = after;
  return page;
}

// The subscriptions with this ID on the filter's timeline, kMaxHomonyms at most.
std::vector<KnownSubscription> WithId(storage::Session& session, const LiveModel& live,
                                      const SubscriptionFilter& filter, const std::string& id) {
  if (!filter.timeline.branch()) return ListKnown(session, live, filter, id, {}, kMaxHomonyms);
  std::vector<KnownSubscription> known;
  for (const Row& row : RowsOf(session, SubscriptionsOnBranch(filter, live, std::nullopt), {id})) {
    if (IsWanted(filter, row) && known.size() < kMaxHomonyms)
      known.push_back({id, std::get<std::string>(row.front())});
  }
  return known;
}

}  // namespace

SubscriptionHistory ReadHistory(storage::Database& database, const std::string& id,
                                const SubscriptionFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, kSubscriptions);
  SubscriptionHistory history;
  Page& page = history.page;
  page.position = PositionOf(filter.timeline, live);
  const std::vector<KnownSubscription> known = WithId(*session, live, filter, id);
  history.subscriptions = known.size();
  if (known.size() != 1) return history;

  SubscriptionStreams streams(*session, filter.tenant, page.position, filter.timeline);
  const ToldEvents events = streams.Tell({id}, std::nullopt)[id];
  const std::optional<stripe::Moment> deletion = DeletionIn(streams, events, known.front().row_key);
  std::size_t at = 0;
  std::optional<stripe::Moment> seen;  // the moment of the last event that the caller has
  if (!request.after.empty()) {
    seen = {NumberIn(request.after[0]), static_cast<stripe::Phase>(NumberIn(request.after[1]))};
    while (at < events.size() && events[at].moment < *seen) ++at;
  }
  while (at < events.size()) {
    Gathered gathered;
    std::vector<ToldEvents> moments;
    for (std::size_t next = at; next < events.size() && gathered.events().size() <= request.limit;) {
      ToldEvents moment = MomentFrom(events, next);
      if (!gathered.Add(moment)) break;
      next += moment.size();
      moments.push_back(std::move(moment));
    }
    const LoadedEvents loaded = streams.Load(gathered.events());
    for (const ToldEvents& moment : moments) {
      at += moment.size();
      const stripe::Moment when = moment.front().moment;
      std::vector<const LoadedEvent*> own = InOrder(loaded, moment, known.front().row_key);
      if (seen == when) {
        const auto last = std::find_if(own.begin(), own.end(), [&](const LoadedEvent* event) {
          return event->told.body.id == request.after[2];
        });
        if (last != own.end()) own.erase(own.begin(), last + 1);
      }
      for (const LoadedEvent* event : own) {
        Key key = {std::to_string(when.created_s), std::to_string(static_cast<int>(when.phase)),
                   event->told.body.id};
        if (!AddToPage(page, request, HistoryRow(*event, deletion && when >= *deletion), std::move(key)))
          return history;
      }
    }
  }
  return history;
}

Page ListSubscriptionsAsOf(storage::Database& database, const SubscriptionFilter& filter, const AsOf& as_of,
                           const PageRequest& request) {
  return ReadAsOf(database, filter, std::nullopt, as_of, request);
}

Page FindSubscriptionAsOf(storage::Database& database, const std::string& id,
                          const SubscriptionFilter& filter, const AsOf& as_of) {
  return ReadAsOf(database, filter, id, as_of, {kMaxHomonyms, {}});
}

}  // namespace billhook::query
