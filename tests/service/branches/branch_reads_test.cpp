// What a branch shows is what an independent billhook would show whose log is the main log up to the fork and
// then the branch's events: for random lives, forks (also in the middle of a commit) and branch events in any
// order, on both engines.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "projections/registry.h"
#include "service/branches/branches.h"
#include "service/ingest/stripe_append.h"
#include "service/query/ledger_query.h"
#include "service/simulate/history.h"
#include "service/storage/event_log.h"
#include "service/storage/read_models.h"
#include "tests/support/appends.h"
#include "tests/support/counting_database.h"
#include "tests/support/everything_read.h"
#include "tests/support/subscription_lives.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using query::Page;
using query::PageRequest;
using Rows = std::vector<std::string>;

// A log with its read models and nothing else.
class World {
 public:
  explicit World(std::unique_ptr<storage::Database> database)
      : database_(std::move(database)), log_(*database_), read_models_(*database_) {
    read_models_.Register(AllProjections(), kNow);
  }

  storage::Database& database() { return *database_; }
  std::int64_t head() { return log_.LatestPosition(); }
  std::string checksum() { return ToHex(log_.Head().checksum); }

  // One commit.
  void Append(const std::vector<AppendRequest>& requests) {
    std::vector<const AppendRequest*> pointers;
    for (const AppendRequest& request : requests) pointers.push_back(&request);
    log_.AppendBatch(pointers, now_++);
  }

  void Project() {
    for (const Projection* projection : AllProjections()) {
      while (read_models_.Advance(*projection, 64, kNow).outcome == storage::Step::Outcome::kAdvanced) {
      }
    }
  }

 private:
  std::unique_ptr<storage::Database> database_;
  storage::EventLog log_;
  storage::ReadModels read_models_;
  UnixMicros now_ = kNow;
};

AppendRequest Posted(const std::string& tenant, const std::string& type, const std::string& id,
                     const std::string& event_type, const std::string& data) {
  billhook::Append append;
  append.event.id = NewUuidV7(kNow);
  append.event.tenant = tenant;
  append.event.aggregate_type = type;
  append.event.aggregate_id = id;
  append.event.event_type = event_type;
  append.event.payload = data;
  append.event.occurred_at = kNow;
  append.content = ContentDigest(append.event);
  return {append};
}

// Whole lives with bookings by hand among them, some of one ID, in any order.
std::vector<AppendRequest> RandomEvents(std::mt19937_64& random, const std::string& tenant) {
  std::vector<AppendRequest> events;
  for (int account = 0; account < 2; ++account) {
    simulate::HistoryOptions options;
    options.seed = 1 + random() % 1'000;
    options.events = 20 + random() % 60;
    if (account == 1) options.account = "acct_1";
    for (const std::string& body : simulate::GenerateHistory(options)) {
      Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
      events.push_back({ingest::StripeAppend(*std::move(envelope), body, tenant, kNow)});
    }
  }
  // Subscriptions of one ID under two accounts or livemodes, that go from one customer to another, and events
  // that no read model can use.
  std::vector<StripeEvent> lives = SubscriptionLives(random, random() % 30, "evt_life_");
  for (const char* id : {"cus_1", "cus_2"}) {
    lives.push_back({.id = std::string("evt_") + id,
                     .type = "customer.created",
                     .object = {{"object", "customer"}, {"id", id}, {"email", "a@example.com"}}});
    lives.push_back({.id = std::string("evt_gone_") + id,
                     .type = random() % 2 == 0 ? "customer.deleted" : "customer.updated",
                     .object = {{"object", "customer"}, {"id", id}}});
  }
  // Refunds that learn their customer from their charges alone.
  for (const char* id : {"1", "2", "3", "4"}) {
    Json charge = Charge(std::string("ch_") + id, 500);
    charge["customer"] = random() % 2 == 0 ? "cus_1" : "cus_2";
    lives.push_back({.id = std::string("evt_ch_") + id, .type = "charge.succeeded", .object = charge});
    lives.push_back({.id = std::string("evt_re_") + id,
                     .type = "refund.created",
                     .object = Refund(std::string("re_") + id, 100, std::string("ch_") + id)});
  }
  for (const StripeEvent& event : lives) {
    const std::string body = BodyOf(event);
    Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
    if (envelope) events.push_back({ingest::StripeAppend(*std::move(envelope), body, tenant, kNow)});
  }
  for (int i = 0; i < 8; ++i) {
    const std::string id = std::to_string(random() % 3);
    const std::string amount = std::to_string(1 + random() % 100);
    events.push_back(Posted(tenant, "ledger", "p" + id, "ManualPaymentRecorded",
                            R"({"payment_id":"p)" + id + R"(","currency":"usd","amount":)" + amount + "}"));
    events.push_back(Posted(
        tenant, "ledger", "a" + id, "LedgerAdjusted",
        R"({"adjustment_id":"a)" + id + R"(","currency":"usd","reason":"x","amount":)" + amount + "}"));
    events.push_back(Posted(tenant, "prepaid_account", "acc" + id,
                            random() % 2 == 0 ? "AccountCreated" : "MoneyDeposited",
                            R"({"account_id":"acc)" + id + R"(","owner":"o","currency":"usd",)" +
                                R"("initial_balance":1,"amount":)" + amount + "}"));
    events.push_back(Posted(tenant, "order", "o" + id, "Noted", "{\"n" + amount + "\":1}"));
  }
  std::shuffle(events.begin(), events.end(), random);
  return events;
}

Rows BalancesOf(World& world, const std::string& tenant, const storage::Timeline& timeline) {
  query::LedgerFilter filter;
  filter.tenant = tenant;
  filter.timeline = timeline;
  return ListBalances(world.database(), filter, {}).rows;
}

// The main world is kept over all rounds, a tenant each: its positions grow, and others' events lie between.
struct Rounds {
  explicit Rounds(std::unique_ptr<storage::Database> database) : main(std::move(database)) {}
  World main;
  int count = 0;
  // Reads that have told a branch from the main log.
  std::set<std::string> told_apart;
  std::set<std::string> reads;
};

void HoldABranchAgainstAnIndependentWorld(Rounds& rounds, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string tenant = "t" + std::to_string(++rounds.count);
  World& main = rounds.main;
  const std::vector<AppendRequest> events = RandomEvents(random, tenant);
  const auto at = [&events](std::size_t index) {
    return events.begin() + static_cast<std::ptrdiff_t>(index);
  };
  const std::size_t fork = random() % (events.size() + 1);
  const std::size_t end_of_main = fork + random() % (events.size() - fork + 1);
  const std::int64_t before = main.head();
  for (std::size_t next = 0; next < end_of_main;) {
    const std::size_t end = std::min(end_of_main, next + 1 + random() % 30);
    main.Append({at(next), at(end)});
    next = end;
  }
  // What the main log has after the fork may happen on the branch as well; what it has before, not again.
  std::vector<AppendRequest> hypothetical = {at(end_of_main), events.end()};
  for (std::size_t i = 0; i < end_of_main; ++i) {
    if (events[i].front().event.source == Source::kStripe && random() % 4 == 0)
      hypothetical.push_back(events[i]);
  }
  std::shuffle(hypothetical.begin(), hypothetical.end(), random);
  main.Project();

  const std::string checksum = main.checksum();
  const std::map<std::string, Rows> main_before = ReadEverything(main.database(), tenant, {}, seed);
  const Result<branches::Branch, branches::CreateRefusal> created = branches::Create(
      main.database(), tenant, "what-if", {before + static_cast<std::int64_t>(fork), {}}, kNow);
  RC_ASSERT(created.has_value());
  for (std::size_t next = 0; next < hypothetical.size();) {
    const std::size_t end = std::min(hypothetical.size(), next + 1 + random() % 30);
    const auto first = hypothetical.begin() + static_cast<std::ptrdiff_t>(next);
    const Result<branches::Appended, branches::AppendRefusal> appended =
        branches::Append(main.database(), tenant, "what-if",
                         {first, hypothetical.begin() + static_cast<std::ptrdiff_t>(end)}, kNow);
    RC_ASSERT(appended.has_value());
    // What is kept of this read must not answer those of later states.
    if (random() % 4 == 0) BalancesOf(main, tenant, appended->branch.timeline());
    next = end;
  }

  World independent(TestDatabase(Engine::kSqliteMemory).Open());
  independent.Append({events.begin(), at(fork)});
  independent.Append(hypothetical);
  independent.Project();

  const storage::Timeline timeline = branches::Find(main.database(), tenant, "what-if")->timeline();
  const std::map<std::string, Rows> branch = ReadEverything(main.database(), tenant, timeline, seed);
  const std::map<std::string, Rows> expected = ReadEverything(independent.database(), tenant, {}, seed);
  for (const auto& [name, rows] : expected) {
    RC_LOG() << "read: " << name << "\n";
    RC_ASSERT(branch.at(name) == rows);
    rounds.reads.insert(name);
    const auto on_main = main_before.find(name);
    if (on_main == main_before.end() || rows != on_main->second) rounds.told_apart.insert(name);
  }
  RC_ASSERT(ReadEverything(main.database(), tenant, {}, seed) == main_before);
  RC_ASSERT(main.checksum() == checksum);
  RC_ASSERT(branches::Remove(main.database(), tenant, "what-if"));
}

class BranchReads : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_DATABASE(database_); }
  TestDatabase database_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Engines, BranchReads, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         EngineName);

TEST_P(BranchReads, ShowWhatAnIndependentLogOfTheSameEventsWouldShow) {
  Rounds rounds(database_.Open());
  // A round takes a server much longer.
  const int most = GetParam() == Engine::kPostgres ? 8 : 40;
  EXPECT_TRUE(rc::check([&rounds, most](std::uint64_t seed) {
    if (rounds.count < most) HoldABranchAgainstAnIndependentWorld(rounds, seed);
  }));
  // No saga runs on a branch; of all else a branch must have been another than the main log at least once,
  // which a few rounds may miss.
  rounds.told_apart.insert("state of sagas");
  if (rounds.count >= 40) {
    EXPECT_EQ(rounds.told_apart, rounds.reads);
  }
}

TEST_P(BranchReads, ComputeTheLedgerOnceForAllReadersOfAState) {
  const std::unique_ptr<storage::Database> real = database_.Open();
  auto counting = std::make_unique<CountingDatabase>(*real);
  CountingDatabase& counter = *counting;
  World main(std::move(counting));
  std::mt19937_64 random(7);
  std::vector<AppendRequest> events = RandomEvents(random, "default");
  const auto middle = events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2);
  main.Append({events.begin(), middle});
  main.Project();
  ASSERT_TRUE(branches::Create(main.database(), "default", "b", {}, kNow).has_value());
  const auto append = [&main](const std::vector<AppendRequest>& requests) {
    return branches::Append(main.database(), "default", "b", requests, kNow)->branch.timeline();
  };
  const storage::Timeline first = append({middle, events.end() - 20});
  const auto read = [&](const storage::Timeline& timeline) {
    counter.TakeRowsRead();
    const Rows rows = BalancesOf(main, "default", timeline);
    return std::make_pair(rows, counter.TakeRowsRead());
  };
  const auto computed = read(first);
  const auto again = read(first);
  EXPECT_EQ(again.first, computed.first);
  EXPECT_LT(again.second, computed.second / 2);
  EXPECT_GT(read(append({events.end() - 20, events.end()})).second, again.second * 2)
      << "it is another state now";
}

}  // namespace
}  // namespace billhook::test
