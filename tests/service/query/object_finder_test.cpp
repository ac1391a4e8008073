// Objects found by ID for many callers at once: each gets his own answer, and those who wait together share a
// look where it is a round trip.
#include "service/query/object_finder.h"

#include <deque>
#include <future>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "domain/event_store.h"
#include "projections/invoices.h"
#include "projections/subscriptions.h"
#include "service/storage/read_models.h"
#include "tests/support/appends.h"
#include "tests/support/counting_database.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using query::Found;
using query::ObjectFinder;
using query::ObjectName;

constexpr std::int64_t kPosition = 7;

class FindsObjects : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    storage::ReadModels read_models(*database_);
    read_models.Register({&projection_, &invoices_}, kNow);
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kProject);
    session->Execute("UPDATE checkpoints SET position = $1 WHERE projection = 'subscriptions'", {kPosition});
    std::vector<Column> columns = {{"generation", ColumnType::kInteger}};
    columns.insert(columns.end(), Subscriptions::kTable.columns.begin(), Subscriptions::kTable.columns.end());
    const auto row = [](std::int64_t generation, const std::string& tenant, const std::string& id,
                        const std::string& account, const std::string& body) {
      return Row{generation,
                 tenant + id + account,
                 tenant,
                 id,
                 std::int64_t{1},
                 account,
                 std::string("active"),
                 Cell(),
                 std::string(),
                 std::int64_t{0},
                 std::string(),
                 body};
    };
    std::vector<Row> rows = {row(1, "default", "sub_1", "", "one"),
                             row(1, "acme", "sub_1", "", "another's"),
                             row(2, "default", "sub_1", "", "another generation"),
                             row(1, "default", "sub_2", "acct_1", "a"),
                             row(1, "default", "sub_2", "acct_2", "b"),
                             row(1, "default", "sub_2", "acct_3", "c")};
    for (int i = 0; i < kMany; ++i)
      rows.push_back(row(1, "default", "sub_many_" + std::to_string(i), "", std::to_string(i)));
    session->Upsert(Subscriptions::kTable.name, columns, 2, rows);
  }

  static ObjectName Named(const std::string& id, const std::string& tenant = "default") {
    return {tenant, id};
  }

  static std::string BodyOf(const Found& found) { return found.body ? *found.body : ""; }

  static constexpr int kMany = 200;
  const Subscriptions projection_{};
  const Invoices invoices_{};
  std::unique_ptr<storage::Database> database_;
};

TEST_P(FindsObjects, ByTenantAndIdInTheLiveGeneration) {
  ObjectFinder finder(*database_, "subscriptions");
  const Found one = finder.Find(Named("sub_1"));
  EXPECT_EQ(one.objects, 1U);
  EXPECT_EQ(BodyOf(one), "one");
  EXPECT_EQ(one.position, kPosition);
  EXPECT_EQ(BodyOf(finder.Find(Named("sub_1", "acme"))), "another's");
  EXPECT_EQ(finder.Find(Named("sub_2", "acme")).objects, 0U);
  const Found ambiguous = finder.Find(Named("sub_2"));
  EXPECT_EQ(ambiguous.objects, query::kMaxHomonyms);
  EXPECT_EQ(ambiguous.body, nullptr);
  EXPECT_EQ(finder.Find(Named("sub_3")).objects, 0U);
}

TEST_P(FindsObjects, EachCallersOwnHoweverManyAskAtOnce) {
  ObjectFinder finder(*database_, "subscriptions");
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kMany; ++i) {
        const std::string number = std::to_string((i * 7 + caller * 31) % kMany);
        if (BodyOf(finder.Find(Named("sub_many_" + number))) == number) ++right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 8 * kMany);
}

INSTANTIATE_TEST_SUITE_P(Engines, FindsObjects, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

// Callers who come while all sessions are taken: the first is waiting for one.
class SharesLooks : public FindsObjects {
 protected:
  void TearDown() override {
    taken_.clear();
    outcomes_.clear();
    finder_.reset();
  }

  void Begin(query::FinderLimits limits = {}) {
    while (taken_.size() < database_->UseOf(storage::Purpose::kFind).most)
      taken_.push_back(database_->Acquire(storage::Purpose::kFind));
    counting_ = std::make_unique<CountingDatabase>(*database_);
    finder_ = std::make_unique<ObjectFinder>(*counting_, "subscriptions", limits);
    Ask("sub_first");
    while (counting_->TakeLeases() == 0) std::this_thread::yield();
  }

  void Ask(const std::string& id) {
    auto& outcome = outcomes_.emplace_back();
    finder_->FindLater(Named(id),
                       [&outcome](ObjectFinder::Outcome found) { outcome.set_value(std::move(found)); });
    futures_.push_back(outcome.get_future());
  }
  Found Answer(std::size_t number) { return query::FoundIn(futures_.at(number).get()); }
  bool IsAnswered(std::size_t number, std::chrono::milliseconds within) {
    return futures_.at(number).wait_for(within) == std::future_status::ready;
  }

  std::vector<storage::Database::Lease> taken_;
  std::unique_ptr<CountingDatabase> counting_;
  std::unique_ptr<ObjectFinder> finder_;
  std::deque<std::promise<ObjectFinder::Outcome>> outcomes_;
  std::vector<std::future<ObjectFinder::Outcome>> futures_;
};

TEST_P(SharesLooks, OfAllWhoWaitTogether) {
  Begin();
  for (const char* id : {"sub_many_3", "sub_1", "sub_3", "sub_many_3"}) Ask(id);
  taken_.clear();
  EXPECT_EQ(BodyOf(Answer(1)), "3");
  EXPECT_EQ(BodyOf(Answer(2)), "one");
  EXPECT_EQ(Answer(3).objects, 0U);
  EXPECT_EQ(BodyOf(Answer(4)), "3");
  EXPECT_EQ(counting_->TakeLeases(), 1U);
}

TEST_P(SharesLooks, SoThatAnIdTheDatabaseRefusesSpoilsNoOthers) {
  Begin();
  Ask("sub_1");
  Ask(std::string("sub_\0", 5));
  Ask("sub_\xff");
  Ask("sub_many_5");
  taken_.clear();
  EXPECT_EQ(BodyOf(Answer(1)), "one");
  EXPECT_THROW(Answer(2), StorageError);
  EXPECT_ANY_THROW(Answer(3));
  EXPECT_EQ(BodyOf(Answer(4)), "5");
}

TEST_P(SharesLooks, AndAnswersThemBeforeItEnds) {
  Begin();
  Ask("sub_1");
  taken_.clear();
  finder_.reset();
  EXPECT_TRUE(IsAnswered(1, std::chrono::milliseconds(0)));
}

TEST_P(SharesLooks, ButNotForThoseWhoHaveWaitedTooLong) {
  Begin({.patience = std::chrono::milliseconds(1'500)});
  Ask("sub_1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'700));
  Ask("sub_many_5");
  taken_.clear();
  EXPECT_THROW(Answer(1), StorageError);
  EXPECT_EQ(BodyOf(Answer(2)), "5");
}

TEST_P(SharesLooks, AndRefusesWhomItHasNoPlaceFor) {
  Begin({.waiting = 1});
  Ask("sub_1");
  Ask("sub_many_5");
  EXPECT_THROW(Answer(2), StorageError);
  taken_.clear();
  EXPECT_EQ(BodyOf(Answer(1)), "one");
}

TEST_P(SharesLooks, ButLooksForNoMoreWhileTooMuchIsHeld) {
  Begin({.bodies = 1});
  Ask("sub_1");
  taken_.clear();
  std::optional<Found> held = Answer(1);
  ASSERT_EQ(held->objects, 1U);
  Ask("sub_many_5");
  EXPECT_FALSE(IsAnswered(2, std::chrono::milliseconds(100)));
  held.reset();
  EXPECT_EQ(BodyOf(Answer(2)), "5");
}

TEST_P(SharesLooks, AndTellsAllWhenItCannotGoOnInTime) {
  storage::Database::Lease other = database_->Acquire(storage::Purpose::kRead);
  other->ExecuteScript("BEGIN; LOCK TABLE subscriptions IN ACCESS EXCLUSIVE MODE");
  ObjectFinder subscriptions(*database_, "subscriptions");
  ObjectFinder invoices(*database_, "invoices");
  const auto began = std::chrono::steady_clock::now();
  const auto waited = [began] { return std::chrono::steady_clock::now() - began; };
  std::vector<std::future<bool>> callers;
  for (int i = 0; i < 200; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      try {
        subscriptions.Find(Named("sub_1"));
        return false;
      } catch (const StorageError& error) {
        return error.retryable();
      }
    }));
  }
  EXPECT_EQ(invoices.Find(Named("in_1")).objects, 0U);
  EXPECT_LT(waited(), std::chrono::seconds(4));
  for (std::future<bool>& caller : callers) EXPECT_TRUE(caller.get());
  EXPECT_LT(waited(), std::chrono::seconds(25));
  other->ExecuteScript("ROLLBACK");
  EXPECT_EQ(BodyOf(subscriptions.Find(Named("sub_1"))), "one");
}

INSTANTIATE_TEST_SUITE_P(Engines, SharesLooks, ::testing::Values(Engine::kPostgres), EngineName);

}  // namespace
}  // namespace billhook::test
