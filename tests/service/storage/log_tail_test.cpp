// What projections share of the log.
#include "service/storage/log_tail.h"

#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::LogTail;
using storage::Stretch;

constexpr const char* kServer = "one";

class TheLogTail : public ::testing::Test {
 protected:
  void SetUp() override { Append(10); }

  void Append(int count) {
    storage::EventLog log(*database_);
    for (int i = 0; i < count; ++i) AppendOne(log, StripeAppend("evt_" + std::to_string(++appended_)));
  }
  std::shared_ptr<const Stretch> After(std::int64_t position, std::size_t limit) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kProject);
    return tail_.After(*session, {kServer, position, appended_}, limit);
  }

  const TestDatabase test_database_{Engine::kSqliteMemory};
  std::unique_ptr<storage::Database> database_ = test_database_.Open();
  LogTail tail_;
  int appended_ = 0;
};

TEST_F(TheLogTail, GivesWhoeverStandsAtTheSamePlaceTheSameEvents) {
  const auto first = After(0, 4);
  EXPECT_EQ(first->events().size(), 4U);
  EXPECT_EQ(After(0, 4), first);
  const auto second = After(4, 4);
  EXPECT_EQ(second->events().front().position, 5);
  EXPECT_EQ(After(4, 4), second);
  EXPECT_EQ(tail_.Holding(kServer, 3), first);
  EXPECT_EQ(tail_.Holding(kServer, 8), second);
  EXPECT_EQ(tail_.Holding(kServer, 9), nullptr);
}

// After a failover other events may stand at the same positions.
TEST_F(TheLogTail, BelievesNothingThatAnotherServerSaid) {
  const auto ours = After(0, 4);
  EXPECT_EQ(tail_.Holding("other", 3), nullptr);
  storage::Database::Lease session = database_->Acquire(storage::Purpose::kProject);
  const auto theirs = tail_.After(*session, {"other", 0, appended_}, 4);
  EXPECT_NE(theirs, ours);
  EXPECT_EQ(tail_.Holding("other", 3), theirs);
}

TEST_F(TheLogTail, GivesNobodyMoreThanHeAsksForOrMuchLessThanThereIs) {
  const auto all = After(0, 10);
  EXPECT_EQ(After(0, 3)->events().size(), 3U);
  EXPECT_EQ(After(0, 10)->events().size(), 10U) << "a stretch from when the log was short holds nobody up";
  EXPECT_NE(After(0, 10), all) << "one stretch is kept for each place";
}

TEST_F(TheLogTail, KeepsNothingOfTheEndOfTheLog) {
  EXPECT_TRUE(After(10, 5)->events().empty());
  Append(1);
  EXPECT_EQ(After(10, 5)->events().size(), 1U);
}

TEST_F(TheLogTail, ReadsWhatAnEventSaysOnce) {
  storage::EventLog log(*database_);
  AppendRequest request = StripeAppend("evt_plain");
  request.front().event.payload =
      R"({"id":"evt_plain","type":"customer.updated","data":{"object":{"object":"customer","id":"cus_1"}}})";
  request.front().content = ContentDigest(request.front().event);
  AppendOne(log, request);
  ++appended_;
  const auto stretch = After(9, 5);
  const auto said = stretch->BriefOf(11);
  ASSERT_NE(said, nullptr);
  EXPECT_EQ(said->object["id"], "cus_1");
  EXPECT_EQ(stretch->BriefOf(11), said);
  EXPECT_EQ(stretch->BriefOf(10), nullptr) << "a key stands twice in it";
}

// Events that were never read from the database: their payloads say so.
std::vector<RecordedEvent> Added(std::int64_t first, int count, std::size_t payload_bytes = 2) {
  std::vector<RecordedEvent> events;
  for (int i = 0; i < count; ++i) {
    events.emplace_back();
    events.back().position = first + i;
    events.back().event.payload = std::string(payload_bytes, '7');
  }
  return events;
}

bool WereAdded(const Stretch& stretch) {
  return !stretch.events().empty() && stretch.events().front().event.payload.front() == '7';
}

TEST_F(TheLogTail, HandsOnWhatWasAppendedHere) {
  tail_.Add(kServer, Added(1, 3));
  tail_.Add(kServer, Added(4, 4));
  const auto first = After(0, 5);
  EXPECT_TRUE(WereAdded(*first));
  EXPECT_EQ(first->events().size(), 5U);
  EXPECT_EQ(After(0, 5), first) << "for all who stand there";
  EXPECT_FALSE(WereAdded(*After(2, 5))) << "who comes late reads it from the database";
}

TEST_F(TheLogTail, HandsOnNothingBehindTheHeadThatTheReaderSees) {
  tail_.Add(kServer, Added(1, 20));
  EXPECT_EQ(After(0, 100)->events().size(), 10U);
}

TEST_F(TheLogTail, HandsOnNothingBehindAGapOrOfAnotherServer) {
  tail_.Add(kServer, Added(1, 3));
  tail_.Add(kServer, Added(6, 2));  // another process has appended in between
  EXPECT_FALSE(WereAdded(*After(0, 10)));
  tail_.Add("other", Added(8, 3));
  EXPECT_FALSE(WereAdded(*After(7, 10)));
}

TEST_F(TheLogTail, ReadsTheDatabaseWhereMuchLessWasAddedThanThereIs) {
  tail_.Add(kServer, Added(1, 2));
  const auto read = After(0, 10);
  EXPECT_FALSE(WereAdded(*read));
  EXPECT_EQ(read->events().size(), 10U);
}

TEST_F(TheLogTail, KeepsNoMoreOfWhatWasAddedThanItMay) {
  Append(2);
  for (int i = 1; i <= 12; ++i) tail_.Add(kServer, Added(i, 1, 1 << 20));
  EXPECT_FALSE(WereAdded(*After(8, 4)));
  EXPECT_TRUE(WereAdded(*After(10, 2)));
}

TEST_F(TheLogTail, ShowsWhatItHasOfAnyPartOfTheLogOrNothing) {
  tail_.Add(kServer, Added(1, 8));
  const auto taken = After(0, 5);
  ASSERT_TRUE(WereAdded(*taken));
  std::vector<std::int64_t> seen;
  const auto look = [&seen](const RecordedEvent& event) { seen.push_back(event.position); };
  EXPECT_TRUE(tail_.Show(kServer, 2, 7, look)) << "handed on already, and not yet";
  EXPECT_EQ(seen, (std::vector<std::int64_t>{3, 4, 5, 6, 7}));
  seen.clear();
  EXPECT_TRUE(tail_.Show(kServer, 7, 7, look));
  EXPECT_FALSE(tail_.Show(kServer, 2, 9, look)) << "the last was not added";
  EXPECT_FALSE(tail_.Show("other", 2, 7, look));
  EXPECT_TRUE(seen.empty());
}

TEST_F(TheLogTail, ShowsWhatOthersAppendedBehindItsOwn) {
  tail_.Add(kServer, Added(1, 3));
  ASSERT_FALSE(WereAdded(*After(3, 5)));
  std::vector<std::int64_t> seen;
  EXPECT_TRUE(
      tail_.Show(kServer, 0, 8, [&seen](const RecordedEvent& event) { seen.push_back(event.position); }));
  EXPECT_EQ(seen, (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST_F(TheLogTail, IsBounded) {
  storage::EventLog log(*database_);
  for (int i = 0; i < 5; ++i) {
    AppendRequest request = StripeAppend("evt_large_" + std::to_string(i));
    request.front().event.payload = "\"" + std::string(3 << 19, 'x') + "\"";
    request.front().content = ContentDigest(request.front().event);
    AppendOne(log, request);
    After(appended_++, 1);
  }
  EXPECT_EQ(tail_.Holding(kServer, 11), nullptr);
  EXPECT_EQ(tail_.Holding(kServer, 13), nullptr);
  EXPECT_NE(tail_.Holding(kServer, 14), nullptr);
  EXPECT_NE(tail_.Holding(kServer, 15), nullptr);
}

}  // namespace
}  // namespace billhook::test
