// What a branch holds at most, and what is left of one that was deleted, on both engines.
#include "service/branches/branches.h"

#include <atomic>
#include <latch>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using branches::AppendRefusal;

class StoredBranches : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_DATABASE(test_database_);
    database_ = test_database_.Open();
    ASSERT_TRUE(branches::Create(*database_, "default", "b", {}, kNow).has_value());
  }

  Result<branches::Appended, AppendRefusal> Append(const std::vector<std::string>& ids) {
    std::vector<AppendRequest> requests;
    for (const std::string& id : ids) requests.push_back({StripeAppend(id)});
    return branches::Append(*database_, "default", "b", requests, kNow);
  }
  std::int64_t Events() { return branches::Find(*database_, "default", "b")->events; }
  void Set(const std::string& column, std::int64_t value) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kAppend);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    session->Execute("UPDATE branches SET " + column + " = $1", {value});
    transaction.Commit();
  }
  std::int64_t Count(const std::string& table) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    return session->Query("SELECT count(*) FROM " + table).Int(0, 0);
  }

  TestDatabase test_database_{GetParam()};
  std::unique_ptr<storage::Database> database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoredBranches, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         EngineName);

TEST_P(StoredBranches, TakeAllEventsOfACallOrNoneWhenFull) {
  Set("events", branches::kMaxEvents - 1);
  EXPECT_EQ(Append({"evt_1", "evt_2"}).error(), AppendRefusal::kFull);
  EXPECT_EQ(Events(), branches::kMaxEvents - 1);
  EXPECT_TRUE(Append({"evt_1"}).has_value());
  EXPECT_EQ(Append({"evt_2"}).error(), AppendRefusal::kFull);
  EXPECT_TRUE(Append({"evt_1"}).has_value()) << "a duplicate needs no room";
  EXPECT_EQ(Count("branch_events"), 1);
}

TEST_P(StoredBranches, HoldSoManyBytesAtMost) {
  Set("payload_bytes", branches::kMaxPayloadBytes);
  EXPECT_EQ(Append({"evt_1"}).error(), AppendRefusal::kFull);
  EXPECT_EQ(Count("branch_events"), 0);
}

TEST_P(StoredBranches, LeaveNothingWhenDeleted) {
  ASSERT_TRUE(Append({"evt_1", "evt_2"}).has_value());
  EXPECT_EQ(Count("branch_events"), 2);
  EXPECT_FALSE(branches::Remove(*database_, "other", "b"));
  EXPECT_TRUE(branches::Remove(*database_, "default", "b"));
  EXPECT_EQ(Count("branch_events"), 0);
  EXPECT_EQ(Count("branches"), 0);
  EXPECT_EQ(Append({"evt_1"}).error(), AppendRefusal::kNotFound);
}

TEST_P(StoredBranches, AreNeverMoreThanTheLimitHoweverManyForkAtOnce) {
  constexpr int kThreads = 6;
  const auto create = [this](const std::string& name) {
    return branches::Create(*database_, "default", name, {}, kNow).has_value();
  };
  for (int i = 2; i < branches::kMaxBranches; ++i) ASSERT_TRUE(create("n" + std::to_string(i)));
  for (int round = 0; round < 5; ++round) {
    std::latch ready(kThreads);
    std::atomic<int> created = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, name = "last" + std::to_string(i)] {
        ready.arrive_and_wait();
        if (create(name)) ++created;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(created, 1);
    for (int i = 0; i < kThreads; ++i) branches::Remove(*database_, "default", "last" + std::to_string(i));
  }
}

}  // namespace
}  // namespace billhook::test
