// What the command bus decides over: the state from the latest snapshot and the events after it.
#include "service/commands/repository.h"

#include <chrono>
#include <cstdlib>
#include <iostream>

#include <gtest/gtest.h>

#include "service/snapshots/snapshots.h"
#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/counting_database.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

const query::Stream kStream = {"default", "prepaid_account", "a"};

// Small by itself; BILLHOOK_STREAM_EVENTS=100000 is the long form, which prints what it reads and how long it
// takes.
std::int64_t StreamLength() {
  const char* wanted = std::getenv("BILLHOOK_STREAM_EVENTS");
  return wanted == nullptr ? 3'000 : std::atoll(wanted);
}

class Repository : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    counting_ = std::make_unique<CountingDatabase>(*database_);
  }

  // Opens the account with the first event, then deposits 1 with each.
  void AppendEvents(std::int64_t count) {
    storage::EventLog log(*database_);
    while (count > 0) {
      AppendRequest request;
      for (; count > 0 && request.size() < 1'000; --count) {
        Append append = DomainAppend("a", kAnyVersion);
        append.event.event_type = opened_ ? "MoneyDeposited" : "AccountCreated";
        append.event.payload =
            opened_ ? R"({"account_id":"a","amount":1})" : R"({"account_id":"a","owner":"Ada"})";
        append.event.schema_version = schema_version_;
        append.content = ContentDigest(append.event);
        request.push_back(std::move(append));
        opened_ = true;
      }
      ASSERT_TRUE(std::holds_alternative<Recorded>(AppendOne(log, request)));
    }
  }

  struct Read {
    commands::Aggregate aggregate;
    std::size_t rows = 0;
  };
  Read Load() {
    counting_->TakeRowsRead();
    const auto started = std::chrono::steady_clock::now();
    commands::Aggregate aggregate = commands::Load(*counting_, "default", "prepaid_account", "a");
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - started;
    const std::size_t rows = counting_->TakeRowsRead();
    std::cout << "  version " << aggregate.version << ": " << rows << " rows read in " << took.count()
              << " ms\n";
    return {std::move(aggregate), rows};
  }

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<CountingDatabase> counting_;
  bool opened_ = false;
  int schema_version_ = 1;
};

INSTANTIATE_TEST_SUITE_P(Engines, Repository, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Repository, ReadsOnlyWhatCameAfterTheSnapshot) {
  const std::int64_t length = StreamLength();
  AppendEvents(length);
  const Read all = Load();
  EXPECT_EQ(all.aggregate.version, length);
  EXPECT_EQ(all.aggregate.state.at("balance"), length - 1);
  EXPECT_EQ(all.rows, static_cast<std::size_t>(length));
  ASSERT_TRUE(snapshots::Take(*database_, kStream, std::nullopt, kNow));
  AppendEvents(7);
  const Read later = Load();
  EXPECT_EQ(later.aggregate.version, length + 7);
  EXPECT_EQ(later.aggregate.state.at("balance"), length + 6);
  EXPECT_EQ(later.rows, 8U) << "the snapshot and seven events";
}

TEST_P(Repository, LeavesASnapshotOfAnOutdatedFormAlone) {
  AppendEvents(20);
  ASSERT_TRUE(snapshots::Take(*database_, kStream, std::nullopt, kNow));
  database_->Acquire(storage::Purpose::kProject)
      ->Execute(R"(UPDATE snapshots SET shape = 'own/1', state = '{"balance":1000000}')");
  EXPECT_EQ(Load().aggregate.state.at("balance"), 19);
}

TEST_P(Repository, DecidesOverNoStateThatItCannotTell) {
  AppendEvents(2);
  schema_version_ = 99;
  AppendEvents(1);
  try {
    Load();
    FAIL() << "an event that a later version has written was passed over";
  } catch (const StorageError& error) {
    EXPECT_FALSE(error.retryable());
    EXPECT_NE(std::string(error.what()).find("upgrade"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace billhook::test
