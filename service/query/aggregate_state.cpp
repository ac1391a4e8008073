#include "service/query/aggregate_state.h"

#include <algorithm>

#include "domain/aggregates.h"
#include "domain/stripe/customer.h"
#include "domain/stripe/event_body.h"
#include "domain/stripe/invoice.h"
#include "domain/stripe/subscription.h"
#include "domain/upcast.h"
#include "service/storage/event_log.h"

namespace billhook::query {
namespace {

// Each names its kind and the version of its form: whoever changes how a kind of state is computed or kept
// counts its version up, and the snapshots before are left alone.
constexpr const char* kOwn = "own/3";
constexpr const char* kNewest = "newest/1";
constexpr const char* kMerged = "merged/1";

constexpr std::int64_t kToldAtATime = 10'000;
constexpr std::size_t kMaxTied = 1'000;

constexpr const char* kOfStream = "tenant = $1 AND aggregate_id = $2 AND aggregate_type = $3";

storage::Parameters ParametersOf(const Stream& stream) {
  return {stream.tenant, stream.aggregate_id, stream.aggregate_type};
}

// Our own and merged aggregates: event after event.
class Fold {
 public:
  Fold(storage::Session& session, const Stream& stream, const Bounds& bounds, AggregateState state)
      : session_(session), stream_(stream), bounds_(bounds), result_(std::move(state)) {}

  AggregateState Run() {
    std::int64_t after = std::max(result_.version, bounds_.from_version - 1);
    while (!bounds_.to_version || after < *bounds_.to_version) {
      const std::vector<RecordedEvent> events = storage::ReadStream(
          session_, stream_.timeline, {stream_.tenant, stream_.aggregate_type, stream_.aggregate_id}, after);
      if (events.empty()) break;
      for (const RecordedEvent& recorded : events) Take(recorded);
      after = events.back().version;
    }
    return std::move(result_);
  }

 private:
  void Take(const RecordedEvent& recorded) {
    if (bounds_.to_version && recorded.version > *bounds_.to_version) return;
    const Event& event = recorded.event;
    if (bounds_.as_of && !bounds_.as_of->Includes(event.occurred_at, recorded.recorded_at)) return;
    result_.version = recorded.version;
    result_.last_occurred_at = std::max(result_.last_occurred_at, event.occurred_at);
    result_.last_recorded_at = recorded.recorded_at;
    ++result_.events;
    if (result_.shape == kOwn) {
      // To pass over it would tell a balance that is none.
      if (IsOfALaterBillhook(event)) {
        throw StorageError("the event at position " + std::to_string(recorded.position) +
                               " was written by a later version of billhook: upgrade this one",
                           false);
      }
      result_.state = *EvolveState(stream_.aggregate_type, result_.state, event);
      return;
    }
    Result<Json, std::string> data = ParseJson(event.payload);
    if (!data || !data->is_object()) return;
    if (result_.state.is_null()) result_.state = Json::object();
    result_.state.update(*data);
  }

  storage::Session& session_;
  const Stream& stream_;
  const Bounds& bounds_;
  AggregateState result_;
};

// Whether the event's object can be used by the rules of its kind; and whether it tells of its own deletion.
struct Judged {
  bool usable = true;
  bool deleted = false;
};

Judged Judge(std::string_view type, const stripe::EventBody& body) {
  const bool deleted = body.moment.phase == stripe::Phase::kDeleted;
  if (type == "subscription") return {stripe::DecodeSubscription(body.object).has_value(), deleted};
  if (type == "invoice") return {stripe::DecodeInvoice(body.object).has_value(), deleted};
  if (type != "customer") return {true, deleted};
  const Result<stripe::Customer, std::string> customer = stripe::DecodeCustomer(body.object);
  return {customer.has_value(), deleted || (customer && customer->deleted)};
}

// What deletion leaves of the object, whatever an event says of it.
void MakeDeleted(std::string_view type, Json& object) {
  if (type == "subscription") object["status"] = "canceled";
  if (type == "customer" || type == "invoice") object["deleted"] = true;
}

// A Stripe aggregate: its newest object. First the whole stream is told in short, then payloads are read of
// the events of the newest moment and of its deletions alone.
class Newest {
 public:
  Newest(storage::Session& session, const Stream& stream, const Bounds& bounds, AggregateState start)
      : session_(session), stream_(stream), bounds_(bounds), result_(std::move(start)) {}

  Result<AggregateState, NoState> Run() {
    std::vector<ToldState> told = std::move(result_.kept);
    Tell(told);
    std::sort(told.begin(), told.end());
    told.erase(std::unique(told.begin(), told.end()), told.end());
    result_.kept.clear();
    result_.state = nullptr;
    std::size_t end = told.size();
    std::vector<stripe::EventBody> newest;
    while (end > 0 && newest.empty()) {
      std::size_t begin = end;
      while (begin > 0 && told[begin - 1].moment == told[end - 1].moment) --begin;
      if (end - begin > kMaxTied) return Unexpected(NoState::kTooManyTied);
      newest = Load({told.begin() + static_cast<std::ptrdiff_t>(begin),
                     told.begin() + static_cast<std::ptrdiff_t>(end)});
      end = begin;
    }
    if (newest.empty()) return std::move(result_);
    for (const stripe::EventBody& body : newest) {
      if (!SameObject(body, newest.front())) return Unexpected(NoState::kAmbiguous);
      result_.kept.push_back({body.moment, body.position});
    }
    std::vector<stripe::Sighting> sightings;
    sightings.reserve(newest.size());
    for (const stripe::EventBody& body : newest) sightings.push_back(body.AsSighting());
    const stripe::EventBody& shown = newest[stripe::Newest(sightings)];
    result_.state = shown.object;
    bool deleted = std::any_of(newest.begin(), newest.end(), [this](const stripe::EventBody& body) {
      return Judge(stream_.aggregate_type, body).deleted;
    });
    deleted |= DeletedBefore({told.begin(), told.begin() + static_cast<std::ptrdiff_t>(end)}, shown);
    if (deleted) MakeDeleted(stream_.aggregate_type, result_.state);
    return std::move(result_);
  }

 private:
  void Tell(std::vector<ToldState>& told) {
    storage::Parameters parameters = ParametersOf(stream_);
    parameters.emplace_back(std::max(result_.version, bounds_.from_version - 1));
    const std::string sql = "SELECT version, position, occurred_at, recorded_at, event_type, source FROM " +
                            stream_.timeline.Events(parameters) + " WHERE " + kOfStream +
                            " AND version > $4 ORDER BY version LIMIT " + std::to_string(kToldAtATime);
    for (bool more = true; more;) {
      const storage::Rows rows = session_.Query(sql, parameters);
      more = rows.size() == static_cast<std::size_t>(kToldAtATime);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::int64_t version = rows.Int(i, 0);
        if (bounds_.to_version && version > *bounds_.to_version) return;
        parameters[3] = version;
        const UnixMicros occurred_at = rows.Int(i, 2);
        if (bounds_.as_of && !bounds_.as_of->Includes(occurred_at, rows.Int(i, 3))) continue;
        result_.version = version;
        result_.last_occurred_at = std::max(result_.last_occurred_at, occurred_at);
        result_.last_recorded_at = rows.Int(i, 3);
        if (rows.Text(i, 5) != NameOf(Source::kStripe)) continue;
        ++result_.events;
        told.push_back({{occurred_at / kMicrosPerSecond, stripe::PhaseOf(rows.Text(i, 4))}, rows.Int(i, 1)});
      }
    }
  }

  // Those of the events that can be used and are asked for.
  std::vector<stripe::EventBody> Load(const std::vector<ToldState>& events) {
    std::vector<stripe::EventBody> bodies;
    for (const ToldState& event : events) {
      for (const RecordedEvent& recorded : storage::EventsAt(session_, stream_.timeline, {event.position})) {
        Result<stripe::EventBody, std::string> body =
            stripe::ReadEventBody(recorded, std::string_view(stream_.aggregate_type));
        if (!body || !Judge(stream_.aggregate_type, *body).usable) continue;
        if (bounds_.livemode && body->livemode != *bounds_.livemode) continue;
        if (bounds_.account && body->account != *bounds_.account) continue;
        bodies.push_back(*std::move(body));
      }
    }
    return bodies;
  }

  // Whether an event before the newest tells of the object's deletion. It is kept: whatever comes later,
  // deletion is final.
  bool DeletedBefore(const std::vector<ToldState>& told, const stripe::EventBody& shown) {
    bool deleted = false;
    for (const ToldState& event : told) {
      if (event.moment.phase != stripe::Phase::kDeleted) continue;
      result_.kept.push_back(event);
      if (deleted) continue;
      for (const stripe::EventBody& body : Load({event})) deleted |= SameObject(body, shown);
    }
    return deleted;
  }

  static bool SameObject(const stripe::EventBody& a, const stripe::EventBody& b) {
    return a.livemode == b.livemode && a.account == b.account;
  }

  storage::Session& session_;
  const Stream& stream_;
  const Bounds& bounds_;
  AggregateState result_;
};

bool HasStripeEvents(storage::Session& session, const Stream& stream, std::int64_t after_version) {
  storage::Parameters parameters = ParametersOf(stream);
  parameters.emplace_back(after_version);
  const std::string events = stream.timeline.Events(parameters);
  return !session
              .Query("SELECT version FROM " + events + " WHERE " + kOfStream +
                         " AND version > $4 AND source = 'stripe' ORDER BY version LIMIT 1",
                     parameters)
              .empty();
}

std::string ShapeOf(storage::Session& session, const Stream& stream) {
  if (HasRules(stream.aggregate_type)) return kOwn;
  return HasStripeEvents(session, stream, 0) ? kNewest : kMerged;
}

}  // namespace

bool MayStart(storage::Session& session, const Stream& stream, const Bounds& bounds,
              const AggregateState& start) {
  if (bounds.from_version > 1 || bounds.livemode || bounds.account) return false;
  if (bounds.to_version && start.version > *bounds.to_version) return false;
  if (bounds.as_of && !bounds.as_of->Includes(start.last_occurred_at, start.last_recorded_at)) return false;
  if (HasRules(stream.aggregate_type)) return start.shape == kOwn;
  if (start.shape == kNewest) return true;
  // What was merged is so no longer once Stripe tells of the aggregate.
  return start.shape == kMerged && !HasStripeEvents(session, stream, start.version);
}

Result<AggregateState, NoState> StateOf(storage::Session& session, const Stream& stream, const Bounds& bounds,
                                        const AggregateState* start) {
  AggregateState state = start != nullptr ? *start : AggregateState{};
  if (start == nullptr) state.shape = ShapeOf(session, stream);
  state.events = 0;
  if (state.shape == kNewest) return Newest(session, stream, bounds, std::move(state)).Run();
  return Fold(session, stream, bounds, std::move(state)).Run();
}

}  // namespace billhook::query
