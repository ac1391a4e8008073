// The saga runtime over a log of its own, on both engines: crashes at every commit, races, timers. Time is
// the test's; nothing runs but what RunOnce does.
#include "service/sagas/runtime.h"

#include <atomic>
#include <sstream>
#include <thread>

#include <gtest/gtest.h>

#include "domain/prepaid_account.h"
#include "projections/sagas.h"
#include "service/query/events_query.h"
#include "service/storage/event_log.h"
#include "service/storage/read_models.h"
#include "service/storage/turn.h"
#include "service/transfer/import.h"
#include "tests/support/exported_log.h"
#include "tests/support/failing_store.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::sagas {
namespace {

using test::Engine;
using test::kNoon;

constexpr std::int64_t kGraceS = 1'000;
constexpr const char* kTenant = "default";

const RegisteredType& Transfer() {
  return *FindSagaType("TransferMoney");
}

// What one process has. It dies with the object; `store` makes it fail before.
class Process {
 public:
  explicit Process(const test::TestDatabase& place, std::int64_t grace_s = kGraceS)
      : database(place.Open()),
        read_models(*database),
        log(*database, &read_models.tail()),
        store(log),
        group_commit(
            store, {}, [this] { return now.load(); }, [](const auto&) {}, [](const auto&) {}),
        runtime(
            *database, read_models.tail(), group_commit, metrics, grace_s * kMicrosPerSecond,
            [this] { return now.load(); }, [](const auto&) {}) {
    read_models.Register({&sagas_}, now);
  }

  void Append(const std::string& type, const std::string& id, Decide decide, const Json& command) {
    commands::Aggregate aggregate = commands::Load(*database, kTenant, type, id);
    const Decision decision = decide(aggregate.state, command);
    ASSERT_TRUE(decision) << decision.error().code;
    AppendRequest request;
    for (const DecidedEvent& event : *decision)
      request.push_back(AppendOf({kTenant, "test"}, type, id, event, aggregate.version++, now));
    ASSERT_TRUE(group_commit.Append(std::move(request)));
  }
  void Open(const std::string& account, std::int64_t balance) {
    Append("prepaid_account", account, &prepaid_account::DecideCreate,
           {{"account_id", account}, {"owner", "Ada"}, {"initial_balance", balance}});
  }
  void Close(const std::string& account) {
    Append("prepaid_account", account, &prepaid_account::DecideClose, Json::object());
  }

  // A Stripe event about an invoice of sub_1, recorded now; it happened so many seconds ago.
  void Arrive(const std::string& type, const std::string& invoice, std::int64_t age_s = 0,
              const std::string& tenant = kTenant) {
    static std::atomic<int> number{0};
    const Json parent = {{"type", "subscription_details"},
                         {"subscription_details", {{"subscription", "sub_1"}}}};
    test::StripeEvent event;
    event.id = "evt_" + std::to_string(++number);
    event.type = type;
    event.object = test::With(test::Invoice(invoice, "open"), {{"parent", parent}});
    event.created_s = now / kMicrosPerSecond - age_s;
    billhook::Append append;
    append.event = test::Recorded(event, 1, tenant).event;
    append.event.id = NewUuidV7(now);
    append.event.aggregate_type = "invoice";
    append.event.aggregate_id = invoice;
    append.content = ContentDigest(append.event);
    ASSERT_TRUE(group_commit.Append({append}));
  }

  std::string Begin(const std::string& from, const std::string& to, std::int64_t amount,
                    const std::string& id) {
    const auto begun = runtime.Begin({kTenant, id}, *Transfer().machine,
                                     {{"from_account", from}, {"to_account", to}, {"amount", amount}});
    return begun ? begun->state.at("status").get<std::string>() : "refused";
  }

  // All that there is to do now.
  void Settle() {
    while (runtime.RunOnce()) continue;
  }
  // The read model, too, tells what has happened until now.
  void Project() {
    while (read_models.Advance(sagas_, 256, now).outcome == storage::Step::Outcome::kAdvanced) continue;
  }
  void Advance(std::int64_t seconds) {
    Project();
    now += seconds * kMicrosPerSecond;
    Settle();
  }

  Json State(const std::string& type, const std::string& id, const std::string& tenant = kTenant) {
    return commands::Load(*database, tenant, type, id).state;
  }
  Json Saga(const std::string& id) { return State("saga", id); }
  std::int64_t Balance(const std::string& id) {
    return State("prepaid_account", id).at("balance").get<std::int64_t>();
  }
  // The types of the events that sagas caused, in order; of one saga where it is named.
  std::string Told(const std::string& saga = "") {
    std::string text;
    for (const RecordedEvent& recorded : log.ReadLog(0, 10'000)) {
      const Event& event = recorded.event;
      if (event.source != Source::kSaga || event.caused_by == "test") continue;
      if (!saga.empty() && event.caused_by != saga) continue;
      text += (text.empty() ? "" : " ") + event.event_type;
    }
    return text;
  }

  std::atomic<UnixMicros> now = kNoon * kMicrosPerSecond;
  std::unique_ptr<storage::Database> database;
  storage::ReadModels read_models;
  storage::EventLog log;
  test::FailingStore store;
  Metrics metrics;
  ingest::GroupCommit group_commit;
  Runtime runtime;

 private:
  Sagas sagas_;
};

constexpr const char* kMoved =
    "SagaStarted MoneyWithdrawn SagaStepCompleted MoneyDeposited SagaStepCompleted";
constexpr const char* kCompensated =
    "SagaStarted MoneyWithdrawn SagaStepCompleted SagaStepFailed MoneyRefunded SagaStepCompleted";

class SagaRuntime : public test::OnEachEngine {};

INSTANTIATE_TEST_SUITE_P(Engines, SagaRuntime,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         test::EngineName);

TEST_P(SagaRuntime, MovesMoneyOrGivesItBack) {
  Process process(database());
  process.Open("a", 10);
  process.Open("b", 0);
  process.Open("shut", 0);
  process.Close("shut");
  EXPECT_EQ(process.Begin("a", "b", 4, "moved"), "running");
  EXPECT_EQ(process.Begin("a", "shut", 3, "back"), "running");
  EXPECT_EQ(process.Begin("a", "b", 40, "poor"), "running");
  process.Settle();
  EXPECT_EQ(process.Saga("moved").at("status"), "completed");
  EXPECT_EQ(process.Saga("back").at("status"), "compensated");
  EXPECT_EQ(process.Saga("poor").at("status"), "failed");
  EXPECT_EQ(process.Told("moved"), kMoved);
  EXPECT_EQ(process.Told("back"), kCompensated);
  EXPECT_EQ(process.Told("poor"), "SagaStarted SagaStepFailed");
  EXPECT_EQ(process.Balance("a"), 6);
  EXPECT_EQ(process.Balance("b"), 4);
  EXPECT_NE(
      process.metrics.Text().find(R"(billhook_sagas_total{status="compensated",type="TransferMoney"} 1)"),
      std::string::npos)
      << process.metrics.Text();
}

TEST_P(SagaRuntime, StartsOneSagaForAnIdHoweverOftenItIsAsked) {
  Process process(database());
  process.Open("a", 10);
  process.Open("b", 0);
  EXPECT_EQ(process.Begin("a", "b", 4, "s"), "running");
  EXPECT_EQ(process.Begin("a", "b", 4, "s"), "running");
  process.Settle();
  EXPECT_EQ(process.Begin("a", "b", 4, "s"), "completed");
  EXPECT_EQ(process.Begin("a", "b", 5, "s"), "refused");
  process.Settle();
  EXPECT_EQ(process.Told("s"), kMoved);
}

// The process dies before or after its k-th commit, for every k; the next one finds what it left.
class CrashingSagaRuntime : public SagaRuntime {
 protected:
  // Lets `act` run in processes that die at each commit in turn, each on a round of its own; then a new
  // process goes on, and `check` looks at what it made of it.
  void CrashEverywhere(const std::function<void(Process&, const std::string& round)>& prepare,
                       const std::function<void(Process&)>& act,
                       const std::function<void(Process&, const std::string& round)>& check) {
    for (const bool after : {false, true}) {
      bool died = true;
      for (int k = 0; died; ++k) {
        ASSERT_LT(k, 20);
        const std::string round = (after ? "after" : "before") + std::to_string(k);
        SCOPED_TRACE("dies " + round);
        died = Die(after, k, round, prepare, act);
        Process next(database());
        next.now = last_now_;
        act(next);
        check(next, round);
      }
    }
  }

 private:
  bool Die(bool after, int k, const std::string& round,
           const std::function<void(Process&, const std::string&)>& prepare,
           const std::function<void(Process&)>& act) {
    Process process(database());
    process.now = last_now_ + 100 * kGraceS * kMicrosPerSecond;
    prepare(process, round);
    std::atomic<int> commits = 0;
    std::atomic<bool> dead = false;
    const auto die = [](const auto&) { throw StorageError("the process is dead", true); };
    const auto count = [&](const auto& requests) {
      if (commits++ < k && !dead) return;
      dead = true;
      die(requests);
    };
    (after ? process.store.after : process.store.before) = count;
    if (after) {
      process.store.before = [&](const auto& requests) {
        if (dead) die(requests);
      };
    }
    try {
      act(process);
    } catch (const StorageError&) {
      EXPECT_TRUE(dead);
    }
    last_now_ = process.now;
    return dead;
  }

  UnixMicros last_now_ = kNoon * kMicrosPerSecond;
};

INSTANTIATE_TEST_SUITE_P(Engines, CrashingSagaRuntime,
                         ::testing::Values(Engine::kSqliteFile, Engine::kPostgres), test::EngineName);

TEST_P(CrashingSagaRuntime, TakesEachStepOfTransfersOnce) {
  CrashEverywhere(
      [](Process& process, const std::string& round) {
        process.Open(round + "a", 10);
        process.Open(round + "b", 0);
        process.Begin(round + "a", round + "b", 4, round + "moved");
        process.Begin(round + "a", round + "none", 3, round + "back");
      },
      [](Process& process) { process.Settle(); },
      [](Process& process, const std::string& round) {
        EXPECT_EQ(process.Told(round + "moved"), kMoved);
        EXPECT_EQ(process.Told(round + "back"), kCompensated);
        EXPECT_EQ(process.Balance(round + "a"), 6);
        EXPECT_EQ(process.Balance(round + "b"), 4);
      });
}

// One course of a saga after another, each of them whole.
void ExpectRepeated(const std::string& told, const std::string& course) {
  std::string expected = course;
  while (expected.size() < told.size()) expected += " " + course;
  EXPECT_EQ(told, expected);
}

constexpr const char* kSuspendedAndRestored =
    "SagaStarted AccessSuspended SagaStepCompleted SagaStepCompleted AccessRestored SagaStepCompleted";

TEST_P(CrashingSagaRuntime, SuspendsAccessOnce) {
  CrashEverywhere(
      [](Process& process, const std::string& round) { process.Arrive("invoice.payment_failed", round); },
      [](Process& process) {
        process.Settle();
        process.Advance(kGraceS);
      },
      [](Process& process, const std::string& round) {
        EXPECT_EQ(process.State("access", "sub_1").at("status"), "suspended");
        process.Arrive("invoice.paid", round);
        process.Settle();
        ExpectRepeated(process.Told(), kSuspendedAndRestored);
      });
}

TEST_P(CrashingSagaRuntime, RestoresAccessOnce) {
  CrashEverywhere(
      [](Process& process, const std::string& round) {
        process.Arrive("invoice.payment_failed", round);
        process.Settle();
        process.Advance(kGraceS);
        EXPECT_EQ(process.State("access", "sub_1").at("status"), "suspended");
        process.Arrive("invoice.paid", round);
      },
      [](Process& process) { process.Settle(); },
      [](Process& process, const std::string&) {
        EXPECT_EQ(process.State("access", "sub_1").at("status"), "active");
        ExpectRepeated(process.Told(), kSuspendedAndRestored);
      });
}

TEST_P(SagaRuntime, FollowsAnInvoiceFromItsFailedPaymentToItsSettlement) {
  Process process(database());
  process.Arrive("invoice.payment_failed", "in_1", 10);
  process.Settle();
  process.Advance(kGraceS - 11);
  EXPECT_EQ(process.Told(), "SagaStarted");
  process.Advance(1);
  EXPECT_EQ(process.Told(), "SagaStarted AccessSuspended SagaStepCompleted");
  process.Advance(1'000'000);
  process.Arrive("invoice.paid", "in_1");
  process.Settle();
  EXPECT_EQ(process.Told(), kSuspendedAndRestored);
}

TEST_P(SagaRuntime, HeedsWhatWasRecordedBeforeTimeRanOutThoughItLooksLate) {
  Process process(database());
  process.Arrive("invoice.payment_failed", "in_1");
  process.Settle();
  process.Project();
  process.Arrive("invoice.paid", "in_1");
  process.now += 10 * kGraceS * kMicrosPerSecond;  // it was down for so long
  process.Settle();
  EXPECT_EQ(process.Told(), "SagaStarted SagaStepCompleted");
}

TEST_P(SagaRuntime, StartsNothingForOldFailuresAndSettledInvoicesAndKeepsTenantsApart) {
  Process process(database());
  process.Arrive("invoice.payment_failed", "in_old", kGraceS + 1);
  process.Arrive("invoice.paid", "in_paid");
  process.Arrive("invoice.payment_failed", "in_paid");
  process.Arrive("invoice.paid", "in_1", 0, "other");
  process.Arrive("invoice.payment_failed", "in_1");
  process.Settle();
  EXPECT_EQ(process.Told(), "SagaStarted") << "another tenant's payment is none of ours";
  process.Advance(kGraceS);
  EXPECT_EQ(process.State("access", "sub_1").at("status"), "suspended");
  EXPECT_TRUE(process.State("access", "sub_1", "other").is_null());
}

TEST_P(SagaRuntime, SuspendsSoonerWhereTheGraceIsShorter) {
  Process process(database(), 5);
  process.Arrive("invoice.payment_failed", "in_1");
  process.Settle();
  process.Advance(4);
  EXPECT_TRUE(process.State("access", "sub_1").is_null());
  process.Advance(1);
  EXPECT_EQ(process.State("access", "sub_1").at("status"), "suspended");
}

TEST_P(SagaRuntime, TakesOnTheOpenSagasOfAnImportedLogButReactsToNothingOfItsPast) {
  std::string text;
  {
    Process process(database());
    process.Open("a", 10);
    process.Open("b", 0);
    process.Arrive("invoice.payment_failed", "in_1");
    process.Settle();
    process.Begin("a", "b", 4, "s");
    process.Arrive("invoice.payment_failed", "in_2");  // nobody reacts to it any more
    text = test::ExportOf(*process.database);
  }
  const test::TestDatabase other(GetParam());
  Process process(other);
  std::istringstream in(text);
  ASSERT_EQ(transfer::Import(in, process.log, [](std::int64_t, std::int64_t) {}).refusal, "");
  process.Settle();
  process.Advance(60);
  EXPECT_EQ(process.Saga("s").at("status"), "completed");
  EXPECT_EQ(process.Balance("a"), 6);
  process.Advance(kGraceS);
  const Json holds = process.State("access", "sub_1").at("holds");
  ASSERT_EQ(holds.size(), 1U);
  EXPECT_EQ(holds[0].at("invoice"), "in_1");
}

TEST_P(SagaRuntime, ReactsToNothingTwiceThoughTheReadModelIsMadeAnew) {
  Process process(database());
  process.Arrive("invoice.payment_failed", "in_1");
  process.Open("a", 10);
  process.Open("b", 0);
  process.Begin("a", "b", 4, "s");
  process.Settle();
  process.Advance(kGraceS);
  const std::string told = process.Told();
  const Sagas projection;
  ASSERT_EQ(process.read_models.StartRebuild(projection, process.now), storage::RebuildStart::kBegun);
  process.Advance(kGraceS);
  EXPECT_EQ(process.Told(), told);
}

TEST_P(SagaRuntime, MovesSixtyFourTransfersOverTheSameTwoAccountsAtOnce) {
  Process process(database());
  process.Open("a", 100);
  process.Open("b", 100);
  for (int i = 0; i < 64; ++i)
    process.Begin(i % 2 == 0 ? "a" : "b", i % 2 == 0 ? "b" : "a", i + 1, "s" + std::to_string(i));
  process.Settle();
  EXPECT_EQ(process.Balance("a") + process.Balance("b"), 200);
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(HasEnded(StatusOf(process.Saga("s" + std::to_string(i))))) << i;
}

// A deposit comes between what two transfers from one account decided and its recording.
TEST_P(SagaRuntime, DecidesNoStepOnOneThatLosesItsRace) {
  Process process(database());
  process.Open("a", 10);
  process.Open("b", 0);
  process.Begin("a", "b", 6, "s1");
  process.Begin("a", "b", 3, "s2");
  process.store.before = [&](const auto&) {
    process.store.before = nullptr;
    const commands::Aggregate account = commands::Load(*process.database, kTenant, "prepaid_account", "a");
    const Decision deposit = prepaid_account::DecideDeposit(account.state, {{"amount", 5}});
    const AppendRequest request = {
        AppendOf({kTenant, "test"}, "prepaid_account", "a", deposit->front(), account.version, process.now)};
    process.log.AppendBatch({&request}, process.now);
  };
  process.Settle();
  EXPECT_EQ(process.Told("s1"), kMoved);
  EXPECT_EQ(process.Told("s2"), kMoved);
  std::int64_t balance = 0;
  for (const RecordedEvent& recorded : process.log.ReadLog(0, 100)) {
    if (recorded.event.aggregate_id != "a") continue;
    const Json data = Json::parse(recorded.event.payload);
    if (recorded.event.event_type == "MoneyDeposited") balance += data.at("amount").get<std::int64_t>();
    if (recorded.event.event_type == "MoneyWithdrawn") balance -= data.at("amount").get<std::int64_t>();
    if (recorded.event.event_type == "AccountCreated") balance = 10;
    EXPECT_EQ(data.value("balance", balance), balance) << recorded.event.payload;
  }
  EXPECT_EQ(process.Balance("a"), 6);
  EXPECT_EQ(balance, 6);
}

TEST_P(SagaRuntime, LeavesASagaWhoseReadModelRowIsOutOfDateAsItIs) {
  Process process(database());
  process.Open("a", 10);
  process.Open("b", 0);
  process.Begin("a", "b", 4, "s");
  process.Project();  // running, as far as the read model knows from here on
  process.Settle();
  process.now += 60 * kMicrosPerSecond;
  EXPECT_FALSE(process.runtime.RunOnce());
  EXPECT_EQ(process.Told("s"), kMoved);
}

TEST_P(SagaRuntime, LooksAfterThoseThatAreDueBehindManyThatItDoesNotKnow) {
  Process process(database());
  process.Arrive("invoice.payment_failed", "in_1");
  process.Settle();
  for (int i = 0; i < 70; ++i) {
    const SagaKey future = {kTenant, "future" + std::to_string(i)};
    const DecidedEvent started =
        Started("OfANewerBillhook", Json::object(), Status::kRunning, std::nullopt, process.now);
    ASSERT_TRUE(
        process.group_commit.Append({AppendOf(future, kAggregateType, future.id, started, 0, process.now)}));
  }
  process.Settle();
  process.Advance(kGraceS);
  EXPECT_EQ(process.State("access", "sub_1").at("status"), "suspended");
  EXPECT_EQ(process.Told("future0"), "SagaStarted");
}

// Two processes that both believe that it is their turn: the log alone keeps them apart.
TEST(SagaStepsOnPostgres, HappenOnceThoughTwoProcessesTakeThem) {
  const test::TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  Process one(database);
  Process two(database);
  one.Open("a", 1'000);
  one.Open("b", 0);
  std::vector<SagaKey> open;
  for (int i = 0; i < 16; ++i) {
    open.push_back({kTenant, "s" + std::to_string(i)});
    one.Begin("a", i % 4 == 3 ? "none" : "b", 1, open.back().id);
  }
  std::vector<std::thread> threads;
  for (Process* process : {&one, &two}) {
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([process, open] {
        Stepper(*process->database, process->group_commit, [](const auto&, const auto&, const auto&) {
        }).Run(open, process->now);
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(one.Told("s" + std::to_string(i)), i % 4 == 3 ? kCompensated : kMoved);
  EXPECT_EQ(one.Balance("a"), 988);
  EXPECT_EQ(one.Balance("b"), 12);
}

TEST(SagaRuntimesOnPostgres, ActOneAtATimeAndTakeOverFromOneAnother) {
  const test::TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  Process one(database);
  Process two(database);
  one.Open("a", 10);
  one.Open("b", 0);
  one.Begin("a", "b", 4, "s");
  {
    const storage::Turn turn(*one.database, kTurnName);
    ASSERT_TRUE(turn.mine());
    EXPECT_FALSE(two.runtime.RunOnce());
    EXPECT_EQ(two.Told("s"), "SagaStarted");
  }
  two.Settle();
  EXPECT_EQ(two.Told("s"), kMoved);
  one.Settle();
  EXPECT_EQ(two.Told("s"), kMoved);
}

}  // namespace
}  // namespace billhook::sagas
