// Objects found by ID for many callers at once: each gets his own answer, and those who wait together share a
// look where it is a round trip.
#include "service/query/object_finder.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "domain/event_store.h"
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
    read_models.Register({&projection_}, kNow);
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
    return {"subscriptions", tenant, id};
  }

  static constexpr int kMany = 200;
  const Subscriptions projection_{};
  std::unique_ptr<storage::Database> database_;
};

TEST_P(FindsObjects, ByTenantAndIdInTheLiveGeneration) {
  ObjectFinder finder(*database_);
  const Found one = finder.Find(Named("sub_1"));
  EXPECT_EQ(one.objects, 1U);
  EXPECT_EQ(one.body, "one");
  EXPECT_EQ(one.position, kPosition);
  EXPECT_EQ(finder.Find(Named("sub_1", "acme")).body, "another's");
  EXPECT_EQ(finder.Find(Named("sub_2", "acme")).objects, 0U);
  const Found ambiguous = finder.Find(Named("sub_2"));
  EXPECT_EQ(ambiguous.objects, query::kMaxHomonyms);
  EXPECT_EQ(ambiguous.body, "");
  EXPECT_EQ(finder.Find(Named("sub_3")).objects, 0U);
}

TEST_P(FindsObjects, EachCallersOwnHoweverManyAskAtOnce) {
  ObjectFinder finder(*database_);
  std::vector<std::thread> callers;
  std::atomic<int> right = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kMany; ++i) {
        const std::string number = std::to_string((i * 7 + caller * 31) % kMany);
        if (finder.Find(Named("sub_many_" + number)).body == number) ++right;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 8 * kMany);
}

INSTANTIATE_TEST_SUITE_P(Engines, FindsObjects, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

// Callers who come while the one session is taken.
class SharesLooks : public FindsObjects {
 protected:
  void SetUp() override {
    FindsObjects::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    taken_ = std::make_unique<storage::Database::Lease>(database_->Acquire(storage::Purpose::kFind));
    counting_ = std::make_unique<CountingDatabase>(*database_);
    finder_ = std::make_unique<ObjectFinder>(*counting_);
    Ask("sub_first");
    while (counting_->TakeLeases() == 0) std::this_thread::yield();
  }

  void TearDown() override {
    taken_.reset();
    finder_.reset();
  }

  void Ask(const std::string& id) {
    auto& outcome = outcomes_.emplace_back();
    finder_->FindLater(Named(id),
                       [&outcome](ObjectFinder::Outcome found) { outcome.set_value(std::move(found)); });
  }
  Found Answer(std::size_t number) { return query::FoundIn(outcomes_.at(number).get_future().get()); }

  std::unique_ptr<storage::Database::Lease> taken_;
  std::unique_ptr<CountingDatabase> counting_;
  std::unique_ptr<ObjectFinder> finder_;
  std::deque<std::promise<ObjectFinder::Outcome>> outcomes_;
};

TEST_P(SharesLooks, OfAllWhoWaitTogether) {
  for (const char* id : {"sub_many_3", "sub_1", "sub_3", "sub_many_3"}) Ask(id);
  taken_.reset();
  EXPECT_EQ(Answer(1).body, "3");
  EXPECT_EQ(Answer(2).body, "one");
  EXPECT_EQ(Answer(3).objects, 0U);
  EXPECT_EQ(Answer(4).body, "3");
  EXPECT_EQ(counting_->TakeLeases(), 1U);
}

TEST_P(SharesLooks, SoThatAnIdTheDatabaseRefusesSpoilsNoOthers) {
  Ask("sub_1");
  Ask(std::string("sub_\0", 5));
  Ask("sub_many_5");
  taken_.reset();
  EXPECT_EQ(Answer(1).body, "one");
  EXPECT_THROW(Answer(2), StorageError);
  EXPECT_EQ(Answer(3).body, "5");
}

TEST_P(SharesLooks, AndAnswersThemBeforeItEnds) {
  Ask("sub_1");
  taken_.reset();
  finder_.reset();
  EXPECT_EQ(Answer(1).body, "one");
}

INSTANTIATE_TEST_SUITE_P(Engines, SharesLooks, ::testing::Values(Engine::kPostgres), EngineName);

}  // namespace
}  // namespace billhook::test
