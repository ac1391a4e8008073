#include "service/ingest/group_commit.h"

#include <algorithm>
#include <future>

#include <gtest/gtest.h>

#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/failing_store.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using ingest::GroupCommit;
using ingest::GroupCommitOptions;
using ingest::Refusal;
using Outcome = Result<AppendOutcome, Refusal>;

// An outcome that nobody blocks for.
class Heard {
 public:
  GroupCommit::Done Hear() {
    return [this](Outcome outcome) { outcome_.set_value(std::move(outcome)); };  // throws if said twice
  }
  Outcome Get() { return outcome_.get_future().get(); }

 private:
  std::promise<Outcome> outcome_;
};

class GroupCommitting : public ::testing::Test {
 protected:
  GroupCommit& Start(GroupCommitOptions options = {}) {
    group_commit_ = std::make_unique<GroupCommit>(
        store_, options, [] { return kNow; }, [](const ingest::CommitReport&) {}, [](const StorageError&) {});
    return *group_commit_;
  }

  // Appends on a thread of its own.
  std::future<Outcome> Later(const std::string& event_id) {
    return std::async(std::launch::async,
                      [this, event_id] { return group_commit_->Append(StripeAppend(event_id)); });
  }

  // One event whose commit waits at the gate, and one behind it; nobody blocks for either.
  GroupCommit& GetStuck(GroupCommitOptions options) {
    store_.before = [this](const auto&) { gate_.Pass(); };
    GroupCommit& group_commit = Start(options);
    group_commit.AppendLater(StripeAppend("evt_0"), writing_.Hear());
    gate_.AwaitSomebody();
    group_commit.AppendLater(StripeAppend("evt_1"), waiting_.Hear());
    return group_commit;
  }

  void AwaitQueue(std::size_t depth) {
    while (group_commit_->queue_depth() < depth) std::this_thread::yield();
  }

  TestDatabase file_{Engine::kSqliteMemory};
  std::unique_ptr<storage::Database> database_ = file_.Open();
  storage::EventLog log_{*database_};
  FailingStore store_{log_};
  Gate gate_;
  Heard writing_;
  Heard waiting_;
  std::unique_ptr<GroupCommit> group_commit_;
};

TEST_F(GroupCommitting, AnswersEachCallerWithItsOwnOutcome) {
  GroupCommit& group_commit = Start();
  const Outcome first = group_commit.Append(StripeAppend("evt_1"));
  const Outcome again = group_commit.Append(StripeAppend("evt_1"));
  EXPECT_EQ(std::get<Recorded>(*first).positions.front(), 1);
  EXPECT_EQ(std::get<Duplicate>(*again).position, 1);
}

TEST_F(GroupCommitting, CommitsTogetherWhatArrivesDuringACommit) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start();
  std::vector<std::future<Outcome>> callers;
  callers.push_back(Later("evt_0"));
  gate.AwaitSomebody();
  for (int i = 1; i <= 20; ++i) callers.push_back(Later("evt_" + std::to_string(i)));
  AwaitQueue(20);
  gate.Open();
  std::vector<std::int64_t> positions;
  for (auto& caller : callers) positions.push_back(std::get<Recorded>(*caller.get()).positions.front());
  std::sort(positions.begin(), positions.end());
  for (std::size_t i = 0; i < positions.size(); ++i)
    EXPECT_EQ(positions[i], static_cast<std::int64_t>(i) + 1);
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 20}));
}

TEST_F(GroupCommitting, TakesNoMoreThanTheBatchLimitIntoOneCommit) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.batch_max = 3});
  std::vector<std::future<Outcome>> callers;
  callers.push_back(Later("evt_0"));
  gate.AwaitSomebody();
  for (int i = 1; i <= 7; ++i) callers.push_back(Later("evt_" + std::to_string(i)));
  AwaitQueue(7);
  gate.Open();
  for (auto& caller : callers) EXPECT_TRUE(caller.get().has_value());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 3, 3, 1}));
}

TEST_F(GroupCommitting, GivesThoseJustAnsweredAMomentToComeAgain) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.linger = std::chrono::minutes(5)});
  auto first = Later("evt_0");
  gate.AwaitSomebody();
  auto second = Later("evt_1");
  auto third = Later("evt_2");
  AwaitQueue(2);
  gate.Open();
  EXPECT_TRUE(first.get().has_value()) << "nobody waits for who is alone";
  auto again = Later("evt_3");  // three were under way: the next commit waits for the third of them
  EXPECT_TRUE(again.get().has_value());
  EXPECT_TRUE(second.get().has_value());
  EXPECT_TRUE(third.get().has_value());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 3}));
}

TEST_F(GroupCommitting, WaitsNoLongerThanToldForThoseWhoDoNotComeAgain) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.linger = std::chrono::milliseconds(1)});
  auto first = Later("evt_0");
  gate.AwaitSomebody();
  auto second = Later("evt_1");
  AwaitQueue(1);
  gate.Open();
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(second.get().has_value()) << "though the first does not come again";
}

TEST_F(GroupCommitting, WaitsForNoMoreThanFitIntoOneCommit) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.batch_max = 2, .linger = std::chrono::minutes(5)});
  auto first = Later("evt_0");
  gate.AwaitSomebody();
  std::vector<std::future<Outcome>> callers;
  for (int i = 1; i <= 4; ++i) callers.push_back(Later("evt_" + std::to_string(i)));
  AwaitQueue(4);
  gate.Open();
  EXPECT_TRUE(first.get().has_value());
  for (auto& caller : callers) EXPECT_TRUE(caller.get().has_value());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 2, 2}));
}

TEST_F(GroupCommitting, RefusesWhenTheQueueIsFull) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.queue_max = 2});
  auto writing = Later("evt_0");
  gate.AwaitSomebody();
  auto first = Later("evt_1");
  auto second = Later("evt_2");
  AwaitQueue(2);
  EXPECT_EQ(group_commit_->Append(StripeAppend("evt_3")).error(), Refusal::kQueueFull);
  gate.Open();
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(second.get().has_value());
}

TEST_F(GroupCommitting, RecordsSeveralRequestsOfOneCallerInTheirOrderEachByItself) {
  GroupCommit& group_commit = Start({.queue_max = 3});
  const std::vector<Outcome> outcomes = group_commit.AppendAll(
      {StripeAppend("evt_1"), StripeAppend("evt_1"), StripeAppend("evt_2"), StripeAppend("evt_3")});
  ASSERT_EQ(outcomes.size(), 4U);
  EXPECT_EQ(std::get<Recorded>(*outcomes[0]).positions.front(), 1);
  EXPECT_EQ(std::get<Duplicate>(*outcomes[1]).position, 1);
  EXPECT_EQ(std::get<Recorded>(*outcomes[2]).positions.front(), 2);
  EXPECT_EQ(outcomes[3].error(), Refusal::kQueueFull);
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{3}));
}

TEST_F(GroupCommitting, BoundsTheBytesThatWaitAndThatOneCommitTakes) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  const std::size_t size = StripeAppend("evt_1")[0].event.payload.size();
  Start({.batch_bytes_max = 2 * size, .queue_bytes_max = 3 * size});
  auto writing = Later("evt_0");
  gate.AwaitSomebody();
  std::vector<std::future<Outcome>> callers;
  for (int i = 1; i <= 3; ++i) callers.push_back(Later("evt_" + std::to_string(i)));
  AwaitQueue(3);
  EXPECT_EQ(group_commit_->Append(StripeAppend("evt_4")).error(), Refusal::kQueueFull);
  gate.Open();
  for (auto& caller : callers) EXPECT_TRUE(caller.get().has_value());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 2, 1}));
}

TEST_F(GroupCommitting, WithdrawsWhatTheWriterNeverTook) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start({.wait_max = std::chrono::milliseconds(50)});
  auto writing = Later("evt_0");
  gate.AwaitSomebody();
  EXPECT_EQ(group_commit_->Append(StripeAppend("evt_1")).error(), Refusal::kUnavailable);
  gate.Open();
  group_commit_->Stop();
  EXPECT_EQ(log_.LatestPosition(), 1) << "evt_1 was not recorded, and its caller was told so";
}

TEST_F(GroupCommitting, RecordsOnceWhatIsSentAgainAfterACommitInDoubt) {
  bool fail = true;
  store_.after = [&fail](const auto&) {
    if (fail) throw StorageError("the connection broke during COMMIT", true);
  };
  GroupCommit& group_commit = Start();
  EXPECT_EQ(group_commit.Append(StripeAppend("evt_1")).error(), Refusal::kUnavailable);
  fail = false;
  EXPECT_EQ(std::get<Duplicate>(*group_commit.Append(StripeAppend("evt_1"))).position, 1);
  EXPECT_EQ(log_.LatestPosition(), 1);
}

TEST_F(GroupCommitting, RecordsNothingWhenStorageIsAwayAndRecoversByItself) {
  bool fail = true;
  store_.before = [&fail](const auto&) {
    if (fail) throw StorageError("the database is away", true);
  };
  GroupCommit& group_commit = Start();
  EXPECT_EQ(group_commit.Append(StripeAppend("evt_1")).error(), Refusal::kUnavailable);
  EXPECT_EQ(log_.LatestPosition(), 0);
  fail = false;
  EXPECT_EQ(std::get<Recorded>(*group_commit.Append(StripeAppend("evt_1"))).positions.front(), 1);
}

TEST_F(GroupCommitting, LetsNoImpossibleRequestSpoilItsNeighbours) {
  Gate gate;
  store_.before = [&gate](const std::vector<const AppendRequest*>& requests) {
    gate.Pass();
    for (const AppendRequest* request : requests) {
      if (request->front().event.caused_by == "evt_poison") throw StorageError("refused as such", false);
    }
  };
  Start();
  auto first = Later("evt_0");
  gate.AwaitSomebody();
  auto good = Later("evt_1");
  auto poison = Later("evt_poison");
  auto also_good = Later("evt_2");
  AwaitQueue(3);
  gate.Open();
  EXPECT_TRUE(first.get().has_value());
  EXPECT_TRUE(good.get().has_value());
  EXPECT_TRUE(also_good.get().has_value());
  EXPECT_EQ(poison.get().error(), Refusal::kRejected);
  EXPECT_EQ(log_.LatestPosition(), 3);
}

TEST_F(GroupCommitting, SaysSoWhenNoOutcomeCameInTime) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  GroupCommit& group_commit = Start({.wait_max = std::chrono::milliseconds(20)});
  EXPECT_EQ(group_commit.Append(StripeAppend("evt_1")).error(), Refusal::kInDoubt);
  gate.Open();
  group_commit.Stop();
  EXPECT_EQ(log_.LatestPosition(), 1) << "it was recorded after all: sent again, it is a duplicate";
}

TEST_F(GroupCommitting, KeepsFewCallersWaitingForACommitThatIsStuck) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  Start(
      {.wait_max = std::chrono::minutes(5), .patient_max = 2, .stuck_after = std::chrono::milliseconds(50)});
  auto writing = Later("evt_0");
  gate.AwaitSomebody();
  auto patient = Later("evt_1");
  AwaitQueue(1);
  EXPECT_EQ(group_commit_->Append(StripeAppend("evt_2")).error(), Refusal::kUnavailable)
      << "it came before the commit was known to be stuck";
  EXPECT_EQ(group_commit_->Append(StripeAppend("evt_3")).error(), Refusal::kQueueFull);
  gate.Open();
  EXPECT_TRUE(writing.get().has_value());
  EXPECT_TRUE(patient.get().has_value());
  EXPECT_TRUE(group_commit_->Append(StripeAppend("evt_4")).has_value());
  EXPECT_EQ(log_.LatestPosition(), 3) << "who was refused was withdrawn";
}

TEST_F(GroupCommitting, TellsTheOutcomeToWhoDoesNotBlock) {
  GroupCommit& group_commit = Start();
  Heard first;
  group_commit.AppendLater(StripeAppend("evt_1"), first.Hear());
  EXPECT_EQ(std::get<Recorded>(*first.Get()).positions.front(), 1);
  Heard again;
  group_commit.AppendLater(StripeAppend("evt_1"), again.Hear());
  EXPECT_EQ(std::get<Duplicate>(*again.Get()).position, 1);
}

TEST_F(GroupCommitting, TellsWhoDoesNotBlockThatItTookTooLong) {
  GroupCommit& group_commit = GetStuck({.wait_max = std::chrono::milliseconds(50)});
  EXPECT_EQ(writing_.Get().error(), Refusal::kInDoubt);
  EXPECT_EQ(waiting_.Get().error(), Refusal::kUnavailable);
  EXPECT_EQ(group_commit.queue_depth(), 0U);
  gate_.Open();
  group_commit.Stop();
  EXPECT_EQ(log_.LatestPosition(), 1) << "only what was in doubt was recorded after all";
}

TEST_F(GroupCommitting, LetsThoseWaitForACommitThatIsStuckWhoDoNotBlock) {
  GroupCommit& group_commit = GetStuck(
      {.wait_max = std::chrono::minutes(5), .patient_max = 0, .stuck_after = std::chrono::milliseconds(20)});
  EXPECT_EQ(group_commit.Append(StripeAppend("evt_2")).error(), Refusal::kUnavailable)
      << "blocks, and is let go";
  EXPECT_EQ(group_commit.queue_depth(), 1U);
  gate_.Open();
  EXPECT_TRUE(writing_.Get().has_value());
  EXPECT_TRUE(waiting_.Get().has_value());
}

TEST_F(GroupCommitting, LetsAllGoInTimeForAStop) {
  GroupCommit& group_commit = GetStuck({.wait_max = std::chrono::minutes(5)});
  group_commit.LetGoAt(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
  EXPECT_EQ(writing_.Get().error(), Refusal::kInDoubt);
  EXPECT_EQ(waiting_.Get().error(), Refusal::kUnavailable);
  gate_.Open();
  group_commit.Stop();
}

TEST_F(GroupCommitting, TellsARefusalBeforeItReturns) {
  GroupCommit& group_commit = Start();
  group_commit.Stop();
  bool refused = false;
  group_commit.AppendLater(StripeAppend("evt_1"),
                           [&](const Outcome& outcome) { refused = outcome.error() == Refusal::kStopping; });
  EXPECT_TRUE(refused);
}

TEST_F(GroupCommitting, CommitsWhatWaitsBeforeItStopsAndRefusesTheRest) {
  Gate gate;
  store_.before = [&gate](const auto&) { gate.Pass(); };
  GroupCommit& group_commit = Start();
  auto writing = Later("evt_0");
  gate.AwaitSomebody();
  auto waiting = Later("evt_1");
  AwaitQueue(1);
  gate.Open();
  group_commit.Stop();
  EXPECT_TRUE(writing.get().has_value());
  EXPECT_TRUE(waiting.get().has_value());
  EXPECT_EQ(group_commit.Append(StripeAppend("evt_2")).error(), Refusal::kStopping);
}

TEST_F(GroupCommitting, LetsWhoIsAloneCommitOnHisOwnThread) {
  std::vector<std::thread::id> threads;
  store_.before = [&threads](const auto&) { threads.push_back(std::this_thread::get_id()); };
  GroupCommit& group_commit = Start({.callers_commit = true});
  for (const char* event_id : {"evt_0", "evt_1"}) {
    bool told = false;
    group_commit.AppendLater(StripeAppend(event_id),
                             [&told](const Outcome& outcome) { told = outcome.has_value(); });
    EXPECT_TRUE(told) << "before it returns";
  }
  EXPECT_TRUE(group_commit.Append(StripeAppend("evt_2")).has_value());
  EXPECT_TRUE(group_commit.AppendAll({}).empty());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 1, 1}));
  EXPECT_EQ(threads[0], std::this_thread::get_id());
  EXPECT_EQ(threads[1], std::this_thread::get_id());
  EXPECT_NE(threads[2], std::this_thread::get_id()) << "who blocks must be let go in time";
}

TEST_F(GroupCommitting, CommitsTogetherWhatArrivesWhileACallerCommits) {
  std::vector<std::thread::id> threads;
  store_.before = [&](const auto&) {
    threads.push_back(std::this_thread::get_id());
    gate_.Pass();
  };
  Start({.callers_commit = true});
  auto alone = std::async(std::launch::async,
                          [&] { group_commit_->AppendLater(StripeAppend("evt_0"), writing_.Hear()); });
  gate_.AwaitSomebody();
  auto second = Later("evt_1");
  auto third = Later("evt_2");
  AwaitQueue(2);
  gate_.Open();
  EXPECT_TRUE(writing_.Get().has_value());
  EXPECT_TRUE(second.get().has_value());
  EXPECT_TRUE(third.get().has_value());
  EXPECT_EQ(store_.batches, (std::vector<std::size_t>{1, 2}));
  alone.get();
  ASSERT_EQ(threads.size(), 2U);
  EXPECT_NE(threads[0], threads[1]);
}

TEST_F(GroupCommitting, TellsWhoCommitsHimselfThatItTookTooLong) {
  store_.before = [this](const auto&) { gate_.Pass(); };
  GroupCommit& group_commit = Start({.wait_max = std::chrono::milliseconds(50), .callers_commit = true});
  auto committing = std::async(std::launch::async,
                               [&] { group_commit.AppendLater(StripeAppend("evt_0"), writing_.Hear()); });
  EXPECT_EQ(writing_.Get().error(), Refusal::kInDoubt) << "somebody else says so";
  auto stopping = std::async(std::launch::async, [&] { group_commit.Stop(); });
  EXPECT_EQ(stopping.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  gate_.Open();
  stopping.get();
  EXPECT_EQ(log_.LatestPosition(), 1) << "a stop waits for what is under way";
  committing.get();
}

}  // namespace
}  // namespace billhook::test
