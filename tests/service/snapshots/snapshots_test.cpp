// A snapshot makes a state cheap and never another.
#include "service/snapshots/snapshots.h"

#include <algorithm>
#include <bit>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "service/snapshots/snapshotter.h"
#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using query::AggregateState;
using query::Bounds;
using query::NoState;
using query::Stream;
using snapshots::Snapshot;
using snapshots::StateFromSnapshot;

Append DomainEvent(const std::string& type, const std::string& id, const std::string& event_type,
                   const Json& data, UnixMicros occurred_at = kNow) {
  Append append = DomainAppend(id, kAnyVersion);
  append.event.aggregate_type = type;
  append.event.event_type = event_type;
  append.event.payload = data.dump();
  append.event.occurred_at = occurred_at;
  append.content = ContentDigest(append.event);
  return append;
}

Append StripeEventAppend(const StripeEvent& event, const std::string& type, const std::string& id) {
  Append append;
  append.event = Recorded(event).event;
  append.event.aggregate_type = type;
  append.event.aggregate_id = id;
  append.content = ContentDigest(append.event);
  return append;
}

void Record(storage::Database& database, const Append& append, UnixMicros now = kNow) {
  const AppendRequest request = {append};
  storage::EventLog log(database);
  ASSERT_TRUE(std::holds_alternative<billhook::Recorded>(log.AppendBatch({&request}, now).front()));
}

Result<StateFromSnapshot, NoState> WithSnapshots(storage::Database& database, const Stream& stream,
                                                 const Bounds& bounds) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return snapshots::StateOf(*session, stream, bounds);
}

Result<AggregateState, NoState> WithoutSnapshots(storage::Database& database, const Stream& stream,
                                                 const Bounds& bounds) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return query::StateOf(*session, stream, bounds, nullptr);
}

std::optional<Snapshot> Latest(storage::Database& database, const Stream& stream) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  return snapshots::Find(*session, stream, {});
}

const Stream kOrder = {"default", "order", "o_1"};
const Stream kSubscription = {"default", "subscription", "sub_1"};

class Snapshots : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
  }

  void Change(int from, int to) {
    for (int i = from; i <= to; ++i)
      Record(*database_,
             DomainEvent("order", "o_1", "OrderChanged", {{"i", i}, {"n" + std::to_string(i), 1}}));
  }

  // As another version of billhook would have left them.
  void Outdate(const std::string& set) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kNote);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    session->Execute("UPDATE snapshots SET " + set);
    transaction.Commit();
  }

  std::unique_ptr<storage::Database> database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Snapshots,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Snapshots, AreWhereAStateIsComputedFrom) {
  Change(1, 7);
  const Result<Snapshot, NoState> taken = snapshots::Take(*database_, kOrder, std::nullopt, kNow);
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->state.version, 7);
  Change(8, 9);
  const auto with = WithSnapshots(*database_, kOrder, {});
  const auto without = WithoutSnapshots(*database_, kOrder, {});
  EXPECT_EQ(with->snapshot_version, 7);
  EXPECT_EQ(with->state.events, 2);
  EXPECT_EQ(with->state.version, 9);
  EXPECT_EQ(without->events, 9);
  EXPECT_EQ(with->state.state, without->state);
  Bounds earlier;
  earlier.to_version = 6;
  EXPECT_EQ(WithSnapshots(*database_, kOrder, earlier)->snapshot_version, std::nullopt);
}

TEST_P(Snapshots, OfAnOutdatedFormAreLeftAlone) {
  Change(1, 5);
  ASSERT_TRUE(snapshots::Take(*database_, kOrder, std::nullopt, kNow));
  Outdate("shape = 'merged/0', state = '{\"i\":99}'");
  EXPECT_EQ(WithSnapshots(*database_, kOrder, {})->snapshot_version, std::nullopt);
  EXPECT_EQ(WithSnapshots(*database_, kOrder, {})->state.state["i"], 5);
  EXPECT_FALSE(Latest(*database_, kOrder));
  ASSERT_TRUE(snapshots::Take(*database_, kOrder, std::nullopt, kNow));
  EXPECT_EQ(Latest(*database_, kOrder)->state.state["i"], 5);
}

TEST_P(Snapshots, OfAMergedAggregateEndWhereStripeTellsOfIt) {
  const Stream stream = {"default", "customer", "cus_1"};
  Record(*database_, DomainEvent("customer", "cus_1", "NoteTaken", {{"note", "x"}}));
  ASSERT_TRUE(snapshots::Take(*database_, stream, std::nullopt, kNow));
  Record(*database_,
         StripeEventAppend({.id = "evt_1", .type = "customer.updated", .object = Customer("cus_1")},
                           "customer", "cus_1"));
  const auto state = WithSnapshots(*database_, stream, {});
  EXPECT_EQ(state->snapshot_version, std::nullopt);
  EXPECT_EQ(state->state.state, Customer("cus_1"));
}

TEST_P(Snapshots, OfAStripeAggregateStayRightWhenAnOlderEventComesLate) {
  const Json object = Subscription("sub_1", "active");
  const auto deliver = [&](const std::string& id, const std::string& type, std::int64_t second) {
    Record(*database_, StripeEventAppend({.id = id,
                                          .type = type,
                                          .object = With(object, {{"metadata", {{"by", id}}}}),
                                          .created_s = kNoon + second},
                                         "subscription", "sub_1"));
  };
  deliver("evt_1", "customer.subscription.updated", 50);
  ASSERT_TRUE(snapshots::Take(*database_, kSubscription, std::nullopt, kNow));
  deliver("evt_2", "customer.subscription.updated", 40);
  EXPECT_EQ(WithSnapshots(*database_, kSubscription, {})->state.state["metadata"]["by"], "evt_1");
  deliver("evt_3", "customer.subscription.deleted", 30);
  const auto deleted = WithSnapshots(*database_, kSubscription, {});
  EXPECT_EQ(deleted->snapshot_version, 1);
  EXPECT_EQ(deleted->state.state["metadata"]["by"], "evt_1");
  EXPECT_EQ(deleted->state.state["status"], "canceled");
  ASSERT_TRUE(snapshots::Take(*database_, kSubscription, std::nullopt, kNow));
  deliver("evt_4", "customer.subscription.updated", 60);
  const auto last = WithSnapshots(*database_, kSubscription, {});
  EXPECT_EQ(last->snapshot_version, 3);
  EXPECT_EQ(last->state.state["metadata"]["by"], "evt_4");
  EXPECT_EQ(last->state.state["status"], "canceled");
}

TEST_P(Snapshots, AreTakenEverySoManyEventsOfAStream) {
  Change(1, 25);
  Record(*database_, DomainEvent("parcel", "p_1", "ParcelSent", {{"a", 1}}));
  storage::LogTail tail;
  snapshots::Snapshotter snapshotter(
      *database_, tail, 10, [] { return kNow; }, [](const std::string&) {});
  while (snapshotter.RunOnce()) {
  }
  EXPECT_EQ(Latest(*database_, kOrder)->state.version, 20);
  Bounds bounds;
  bounds.to_version = 19;
  EXPECT_EQ(WithSnapshots(*database_, kOrder, bounds)->snapshot_version, 10);
  EXPECT_FALSE(Latest(*database_, {"default", "parcel", "p_1"}));
  // One that is to take none.
  Change(26, 26);
  snapshots::Snapshotter never(
      *database_, tail, 0, [] { return kNow; }, [](const std::string& what) { ADD_FAILURE() << what; });
  EXPECT_FALSE(never.RunOnce());
  // Another process goes on where this one stands.
  Change(27, 30);
  snapshots::Snapshotter other(
      *database_, tail, 10, [] { return kNow; }, [](const std::string&) {});
  EXPECT_TRUE(other.RunOnce());
  EXPECT_EQ(Latest(*database_, kOrder)->state.version, 30);
  EXPECT_FALSE(other.RunOnce());
}

TEST_P(Snapshots, OfAStreamStayFewAndLetGoOfAnOutdatedForm) {
  Change(1, 3);
  ASSERT_TRUE(snapshots::Take(*database_, kOrder, std::nullopt, kNow));
  const auto versions = [&] {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    const storage::Rows rows =
        session->Query("SELECT version FROM snapshots WHERE aggregate_id = 'o_1' ORDER BY version");
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < rows.size(); ++i) all.push_back(rows.Int(i, 0));
    return all;
  };
  Outdate("shape = 'merged/0'");
  for (int i = 4; i <= 20; ++i) {
    Change(i, i);
    ASSERT_TRUE(snapshots::Take(*database_, kOrder, std::nullopt, kNow));
  }
  EXPECT_EQ(versions(), (std::vector<std::int64_t>{4, 12, 16, 18, 19, 20}));
  Bounds past;
  for (past.to_version = 1; *past.to_version <= 20; ++*past.to_version) {
    const auto state = WithSnapshots(*database_, kOrder, past);
    EXPECT_EQ(state->state.state["i"], *past.to_version);
  }
}

// However long a stream grows: few snapshots, and for any moment of its past one that is near, measured by
// how long ago it is.
RC_GTEST_PROP(SnapshotsProperty, AreFewAndNearWhateverTheirFrequency, ()) {
  const auto frequency = *rc::gen::inRange<std::int64_t>(1, 150);
  const auto count = *rc::gen::inRange<std::int64_t>(1, 1'500);
  std::vector<std::int64_t> kept;  // the newest first
  for (std::int64_t i = 1; i <= count; ++i) {
    kept.insert(kept.begin(), i * frequency);
    for (const std::int64_t version : snapshots::Superfluous(kept)) std::erase(kept, version);
  }
  const std::int64_t newest = count * frequency;
  RC_ASSERT(kept.front() == newest);
  RC_ASSERT(kept.size() <= static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(newest))) + 1);
  const auto asked = *rc::gen::inRange<std::int64_t>(1, newest + 1);
  const auto start = std::find_if(kept.begin(), kept.end(), [&](std::int64_t at) { return at <= asked; });
  const std::int64_t read = asked - (start == kept.end() ? 0 : *start);
  RC_ASSERT(read <= frequency + 4 * (newest - asked + 1));
}

// A stream of one kind whose events happen, tie, repeat and contradict at random.
Append RandomEvent(const std::string& kind, int number, std::mt19937_64& dice) {
  const auto any = [&dice](int below) { return static_cast<int>(dice() % static_cast<unsigned>(below)); };
  const UnixMicros occurred_at = (kNoon + any(6)) * kMicrosPerSecond;
  if (kind == "order") {
    return DomainEvent("order", "o_1", "OrderChanged",
                       {{std::string(1, static_cast<char>('a' + any(4))), number}}, occurred_at);
  }
  if (kind == "prepaid_account") {
    const char* types[] = {"AccountCreated", "MoneyDeposited", "MoneyWithdrawn", "MoneyDeposited",
                           "AccountClosed"};
    Append append =
        DomainEvent("prepaid_account", "o_1",
                    types[number == 0    ? 0
                          : any(60) == 0 ? 4
                                         : any(4)],
                    {{"account_id", "o_1"}, {"owner", "jo"}, {"amount", 1 + any(20)}}, occurred_at);
    append.event.schema_version = 1 + any(2);
    if (any(3) > 0) {
      append.event.payload.pop_back();
      append.event.payload +=
          R"(,"initial_balance":7,"currency":")" + std::string(any(9) > 0 ? "usd" : "eur") + "\"}";
    }
    append.content = ContentDigest(append.event);
    return append;
  }
  const char* types[] = {"customer.created", "customer.updated", "customer.updated", "customer.deleted"};
  const int which = any(12);
  Json object = With(Customer("o_1"), {{"name", std::string(1, static_cast<char>('a' + any(3)))}});
  if (any(6) == 0) object["name"] = 7;  // cannot be used
  StripeEvent event{.id = "evt_" + std::to_string(number),
                    .type = types[which == 11 ? 3 : which % 3],
                    .object = object,
                    .created_s = kNoon + any(6),
                    .livemode = any(15) != 0};
  if (any(2) == 0) event.previous_attributes = {{"name", std::string(1, static_cast<char>('a' + any(3)))}};
  return StripeEventAppend(event, "customer", "o_1");
}

RC_GTEST_PROP(SnapshotsProperty, NeverChangeAState, (std::uint64_t seed)) {
  std::mt19937_64 dice(seed);
  const std::string kind = *rc::gen::element<std::string>("order", "prepaid_account", "customer");
  const Stream stream = {"default", kind, "o_1"};
  const TestDatabase memory(Engine::kSqliteMemory);
  const auto database = memory.Open();
  for (int i = 0; i < 24; ++i) {
    Record(*database, RandomEvent(kind, i, dice), kNow + i);
    if (dice() % 4 == 0) static_cast<void>(snapshots::Take(*database, stream, std::nullopt, kNow));
    Bounds bounds;
    if (dice() % 2 == 0) bounds.to_version = static_cast<std::int64_t>(dice() % 26);
    switch (dice() % 3) {
      case 0:
        bounds.as_of = {(kNoon + static_cast<std::int64_t>(dice() % 7)) * kMicrosPerSecond,
                        query::AsOf::Axis::kOccurred};
        break;
      case 1:
        bounds.as_of = {kNow + static_cast<std::int64_t>(dice() % 26), query::AsOf::Axis::kRecorded};
        break;
      default:
        break;
    }
    const auto with = WithSnapshots(*database, stream, bounds);
    const auto without = WithoutSnapshots(*database, stream, bounds);
    RC_ASSERT(with.has_value() == without.has_value());
    if (!with) continue;
    RC_ASSERT(with->state.state == without->state);
    RC_ASSERT(with->state.version == without->version);
  }
}

// The state of a Stripe aggregate is a function of the set of its events.
RC_GTEST_PROP(SnapshotsProperty, StatesOfStripeAggregatesDependOnNoOrderOfArrival, (std::uint64_t seed)) {
  std::mt19937_64 dice(seed);
  std::vector<Append> events;
  for (int i = 0; i < 12; ++i) events.push_back(RandomEvent("customer", i, dice));
  const Stream stream = {"default", "customer", "o_1"};
  const auto state_of = [&] {
    const TestDatabase memory(Engine::kSqliteMemory);
    const auto database = memory.Open();
    for (const Append& event : events) {
      Record(*database, event);
      if (dice() % 5 == 0) static_cast<void>(snapshots::Take(*database, stream, std::nullopt, kNow));
    }
    const auto state = WithSnapshots(*database, stream, {});
    return state ? state->state.state : Json("no one state");
  };
  const Json first = state_of();
  std::shuffle(events.begin(), events.end(), dice);
  RC_ASSERT(state_of() == first);
}

}  // namespace
}  // namespace billhook::test
