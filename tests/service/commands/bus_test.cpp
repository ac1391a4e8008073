// The command bus over a log of its own, on both engines: races, repeats and crashes.
#include "service/commands/bus.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "projections/registry.h"
#include "service/commands/repository.h"
#include "service/storage/event_log.h"
#include "tests/support/failing_store.h"
#include "tests/support/test_database.h"

namespace billhook::commands {
namespace {

using test::Engine;

// What one process has.
class Process {
 public:
  explicit Process(const test::TestDatabase& database, BusOptions options = {})
      : Process(database.Open(), options) {}
  Process(std::unique_ptr<storage::Database> database, BusOptions options)
      : database_(std::move(database)),
        log_(*database_),
        read_models_(*database_),
        projector_(
            read_models_, AllProjections(), {}, &SystemClock, [](const auto&, const auto&) {},
            [](const auto&, const auto&) {}),
        group_commit_(
            store_, {}, &SystemClock, [](const auto&) {}, [](const auto&) {}),
        bus_(*database_, group_commit_,
             {*database_, read_models_, projector_, [this] { return SystemClock() + ahead_us; }}, metrics_,
             options) {
    read_models_.Register(AllProjections(), SystemClock());
  }

  Answer Do(const std::string& type, Json data, const std::optional<std::string>& key = std::nullopt,
            std::optional<std::int64_t> expected_version = std::nullopt, const std::string& caller = "me") {
    Command command;
    command.type = type;
    command.data = std::move(data);
    command.expected_version = expected_version;
    return bus_.Execute(std::move(command), {"default", caller, Role::kOperator, "req_1"}, key);
  }
  std::int64_t Balance(const std::string& id) {
    return Load(*database_, "default", "prepaid_account", id).state.at("balance").get<std::int64_t>();
  }
  std::int64_t Version(const std::string& id) {
    return Load(*database_, "default", "prepaid_account", id).version;
  }

  std::unique_ptr<storage::Database> database_;
  storage::EventLog log_;
  test::FailingStore store_{log_};
  storage::ReadModels read_models_;
  Projector projector_;
  Metrics metrics_;
  ingest::GroupCommit group_commit_;
  std::atomic<std::int64_t> ahead_us = 0;  // of the bus's clock
  CommandBus bus_;
};

Json NewAccount(const std::string& id, std::int64_t balance) {
  return {{"account_id", id}, {"owner", "Ada"}, {"initial_balance", balance}};
}

Json Amount(const std::string& id, std::int64_t amount) {
  return {{"account_id", id}, {"amount", amount}};
}

bool IsOk(const Answer& answer) {
  return std::holds_alternative<Json>(answer.outcome);
}

std::string CodeOf(const Answer& answer) {
  const auto* refusal = std::get_if<Refusal>(&answer.outcome);
  return refusal == nullptr ? "" : refusal->code;
}

// A command that a process entered and then died over.
CommandEntry Abandoned(const std::string& id, const std::string& key, UnixMicros lease_until) {
  CommandEntry entry;
  entry.command_id = id;
  entry.tenant = "default";
  entry.command_type = "DepositMoney";
  entry.aggregate_id = "acc_1";
  entry.issued_by = "me";
  entry.data = Amount("acc_1", 5).dump();
  entry.created_at = lease_until - 1;
  entry.lease_until = lease_until;
  entry.idempotency_key = key;
  return entry;
}

class CommandBusOn : public test::OnEachEngine {};

INSTANTIATE_TEST_SUITE_P(Engines, CommandBusOn, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         test::EngineName);

TEST_P(CommandBusOn, NeverOverdrawsAnAccountWithSixtyFourWithdrawalsAtOnce) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 100))));
  std::atomic<int> done = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&] {
      const Answer answer = process.Do("WithdrawMoney", Amount("acc_1", 3));
      if (IsOk(answer)) ++done;
      if (CodeOf(answer) == "insufficient_funds") ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 33);
  EXPECT_EQ(refused, 31);
  EXPECT_EQ(process.Balance("acc_1"), 1);
}

TEST_P(CommandBusOn, LosesNoRaceTwiceWhereTheCallerNamesTheVersion) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 10), std::nullopt, 0)));
  EXPECT_TRUE(IsOk(process.Do("DepositMoney", Amount("acc_1", 1), std::nullopt, 1)));
  EXPECT_EQ(CodeOf(process.Do("DepositMoney", Amount("acc_1", 1), std::nullopt, 1)), "version_conflict");
  EXPECT_EQ(process.Balance("acc_1"), 11);
}

TEST_P(CommandBusOn, GivesUpAfterSoManyLostRaces) {
  Process process(database(), {.max_attempts = 5});
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 10))));
  int lost = 0;
  process.store_.before = [&](const auto& requests) {
    // Somebody else is always a little faster.
    billhook::Append append = requests.front()->front();
    append.event.caused_by = "rival";
    append.expected_version = kAnyVersion;
    append.content = ContentDigest(append.event);
    const AppendRequest request = {append};
    process.log_.AppendBatch({&request}, SystemClock());
    ++lost;
  };
  const Answer answer = process.Do("DepositMoney", Amount("acc_1", 1));
  process.store_.before = nullptr;
  EXPECT_EQ(CodeOf(answer), "version_conflict");
  EXPECT_EQ(lost, 5);
  EXPECT_EQ(process.Balance("acc_1"), 15) << "what the others put in";
  EXPECT_EQ(process.bus_.log().Find("default", answer.command_id)->status, "error");
}

TEST_P(CommandBusOn, RunsACommandOnceHoweverManySendItAtOnce) {
  Process process(database(), {.max_waiters = 64});
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 0))));
  std::vector<std::thread> threads;
  std::vector<std::string> ids(16);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    threads.emplace_back([&, i] {
      const Answer answer = process.Do("DepositMoney", Amount("acc_1", 5), "key_1");
      if (IsOk(answer)) ids[i] = answer.command_id + "@" + std::to_string(answer.position);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(process.Balance("acc_1"), 5);
  for (const std::string& id : ids) EXPECT_EQ(id, ids.front());
  EXPECT_NE(ids.front(), "");
}

TEST_P(CommandBusOn, AnswersARefusalAgainThoughTheStateWouldAllowItNow) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 0))));
  const Answer first = process.Do("WithdrawMoney", Amount("acc_1", 5), "key_1");
  EXPECT_EQ(CodeOf(first), "insufficient_funds");
  ASSERT_TRUE(IsOk(process.Do("DepositMoney", Amount("acc_1", 5))));
  const Answer again = process.Do("WithdrawMoney", Amount("acc_1", 5), "key_1");
  EXPECT_EQ(CodeOf(again), "insufficient_funds");
  EXPECT_EQ(again.command_id, first.command_id);
  EXPECT_TRUE(IsOk(process.Do("WithdrawMoney", Amount("acc_1", 5), "key_1", std::nullopt, "somebody else")));
}

TEST_P(CommandBusOn, RefusesAKeyThatComesWithAnotherCommand) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 0), "key_1")));
  EXPECT_EQ(CodeOf(process.Do("CreateAccount", NewAccount("acc_2", 0), "key_1")), "idempotency_key_reused");
  EXPECT_EQ(CodeOf(process.Do("CreateAccount", NewAccount("acc_1", 0), "key_1", 0)),
            "idempotency_key_reused");
}

TEST_P(CommandBusOn, TellsThatAKeyIsInUseWhereTheFirstStillRuns) {
  Process process(database(), {.wait_max = std::chrono::milliseconds(60)});
  Command command;
  const Answer first = process.Do("CloseAccount", {{"account_id", "acc_1"}}, "key_1");
  EXPECT_EQ(CodeOf(first), "account_not_found");
  CommandEntry running = Abandoned("cmd_1", "key_2", SystemClock() + 60'000'000);
  running.request_hash = process.bus_.log().Find("default", first.command_id)->request_hash;
  ASSERT_FALSE(process.bus_.log().Enter(running));
  EXPECT_EQ(CodeOf(process.Do("CloseAccount", {{"account_id", "acc_1"}}, "key_2")), "idempotency_key_in_use");
}

TEST_P(CommandBusOn, ResolvesACommandOfADeadProcessFromTheLogAndNeverRunsItTwice) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 0))));
  const Answer model = process.Do("DepositMoney", Amount("acc_1", 5), "model");
  CommandEntry dead = Abandoned("cmd_dead", "key_1", SystemClock() - 1);
  dead.request_hash = process.bus_.log().Find("default", model.command_id)->request_hash;
  ASSERT_FALSE(process.bus_.log().Enter(dead));
  // Its process died between the commit of its event and the note of its outcome.
  billhook::Append append;
  append.event.id = NewUuidV7(SystemClock());
  append.event.tenant = "default";
  append.event.aggregate_type = "prepaid_account";
  append.event.aggregate_id = "acc_1";
  append.event.event_type = "MoneyDeposited";
  append.event.source = Source::kCommand;
  append.event.payload = Amount("acc_1", 5).dump();
  append.event.caused_by = "cmd_dead";
  append.content = ContentDigest(append.event);
  ASSERT_TRUE(process.group_commit_.Append({append}));

  const Answer again = process.Do("DepositMoney", Amount("acc_1", 5), "key_1");
  ASSERT_TRUE(IsOk(again)) << CodeOf(again);
  EXPECT_EQ(again.command_id, "cmd_dead");
  EXPECT_EQ(std::get<Json>(again.outcome).at("version"), 3);
  EXPECT_EQ(again.events.size(), 1U);
  EXPECT_EQ(process.Balance("acc_1"), 10);
  EXPECT_EQ(process.bus_.log().Find("default", "cmd_dead")->status, "ok");
}

TEST_P(CommandBusOn, LetsACommandThatDiedBeforeItDidAnythingBeSentAgain) {
  Process process(database());
  ASSERT_TRUE(IsOk(process.Do("CreateAccount", NewAccount("acc_1", 0))));
  const Answer model = process.Do("DepositMoney", Amount("acc_1", 5), "model");
  CommandEntry dead = Abandoned("cmd_dead", "key_1", SystemClock() - 1);
  dead.request_hash = process.bus_.log().Find("default", model.command_id)->request_hash;
  ASSERT_FALSE(process.bus_.log().Enter(dead));
  // An admin's event cannot pretend to be its outcome.
  billhook::Append forged;
  forged.event.id = NewUuidV7(SystemClock());
  forged.event.tenant = "default";
  forged.event.aggregate_type = "note";
  forged.event.aggregate_id = "n_1";
  forged.event.event_type = "Noted";
  forged.event.source = Source::kApi;
  forged.event.payload = "{}";
  forged.event.caused_by = "cmd_dead";
  forged.content = ContentDigest(forged.event);
  ASSERT_TRUE(process.group_commit_.Append({forged}));

  const Answer again = process.Do("DepositMoney", Amount("acc_1", 5), "key_1");
  ASSERT_TRUE(IsOk(again)) << CodeOf(again);
  EXPECT_NE(again.command_id, "cmd_dead");
  EXPECT_EQ(process.Balance("acc_1"), 10);
  const CommandEntry entry = *process.bus_.log().Find("default", "cmd_dead");
  EXPECT_EQ(entry.status, "error");
  EXPECT_EQ(Json::parse(*entry.error).at("code"), "interrupted");
}

TEST_P(CommandBusOn, LeavesACommandAloneThatSomebodyElseMayStillRun) {
  Process process(database());
  ASSERT_FALSE(process.bus_.log().Enter(Abandoned("cmd_1", "key_1", SystemClock() + 60'000'000)));
  process.bus_.CloseAbandoned();
  EXPECT_EQ(process.bus_.log().Find("default", "cmd_1")->status, "pending");
  process.bus_.CloseAbandoned(true);
  EXPECT_EQ(process.bus_.log().Find("default", "cmd_1")->status, "error") << "the one owner, at its start";
  EXPECT_FALSE(process.bus_.log().Extend("cmd_1", SystemClock())) << "its runner finds that it lost it";
}

TEST_P(CommandBusOn, NotesWhoAskedForWhatAndWhatBecameOfIt) {
  Process process(database());
  const Answer made = process.Do("CreateAccount", NewAccount("acc_1", 7), "key_1");
  const Answer refused = process.Do("WithdrawMoney", {{"account_id", "acc_1"}, {"amount", "7"}, {"b", 1}});
  const CommandEntry first = *process.bus_.log().Find("default", made.command_id);
  EXPECT_EQ(first.status, "ok");
  EXPECT_EQ(first.issued_by, "me");
  EXPECT_EQ(Json::parse(first.data), NewAccount("acc_1", 7));
  EXPECT_EQ(first.position, made.position);
  EXPECT_TRUE(first.duration_us.has_value());
  EXPECT_EQ(made.events.front().event.caused_by, made.command_id);
  const CommandEntry second = *process.bus_.log().Find("default", refused.command_id);
  EXPECT_EQ(second.status, "error");
  EXPECT_EQ(Json::parse(*second.error).at("errors").size(), 2U) << *second.error;
  EXPECT_EQ(process.bus_.log().List({.tenant = "default"}, {}).size(), 2U);
  EXPECT_EQ(process.bus_.log().List({.tenant = "default"}, {}).front().command_id, refused.command_id);
  EXPECT_FALSE(process.bus_.log().Find("other", made.command_id));
}

TEST(CommandBusOnPostgres, RunsACommandOnceAcrossProcessesAndNeverOverdraws) {
  const test::TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  Process one(database, {.max_waiters = 64, .max_attempts = 64});
  Process two(database, {.max_waiters = 64, .max_attempts = 64});
  ASSERT_TRUE(IsOk(one.Do("CreateAccount", NewAccount("acc_1", 20))));
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&, i] {
      Process& process = i % 2 == 0 ? one : two;
      if (IsOk(process.Do("WithdrawMoney", Amount("acc_1", 1), "key_" + std::to_string(i / 2)))) ++done;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 32) << "each of 16 commands was sent to both, and both were answered";
  EXPECT_EQ(one.Balance("acc_1"), 4);
  EXPECT_EQ(one.Version("acc_1"), 17);
}

}  // namespace
}  // namespace billhook::commands
