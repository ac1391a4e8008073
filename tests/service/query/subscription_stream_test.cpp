// What reads of the past take out of the log, on every engine.
#include "service/query/subscription_stream.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "service/storage/event_log.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using query::AsOf;
using query::SubscriptionStreams;
using query::ToldEvent;
using query::ToldEvents;

constexpr UnixMicros kRecordedAt = (kNoon + 86'400) * kMicrosPerSecond;

class SubscriptionStream : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    log_ = std::make_unique<storage::EventLog>(*database_);
  }

  // Records the events, all at a time, as of `recorded_at`.
  void Append(const std::vector<StripeEvent>& events, UnixMicros recorded_at = kRecordedAt) {
    std::vector<AppendRequest> requests;
    for (const StripeEvent& event : events) {
      billhook::Append append;
      append.event = Recorded(event).event;
      append.event.id = NewUuidV7(recorded_at);
      append.event.aggregate_type = "subscription";
      append.event.aggregate_id = event.object["id"];
      append.content = ContentDigest(append.event);
      requests.push_back({append});
    }
    std::vector<const AppendRequest*> batch;
    for (const AppendRequest& request : requests) batch.push_back(&request);
    log_->AppendBatch(batch, recorded_at);
  }

  std::map<std::string, ToldEvents> Tell(const std::vector<std::string>& ids,
                                         const std::optional<AsOf>& as_of = std::nullopt,
                                         std::int64_t position = 1'000'000) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    return SubscriptionStreams(*session, "default", position).Tell(ids, as_of);
  }

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<storage::EventLog> log_;
};

StripeEvent At(int second, const std::string& id, const std::string& type = "updated",
               const std::string& subscription = "sub_1") {
  return {.id = id,
          .type = "customer.subscription." + type,
          .object = Subscription(subscription, "active"),
          .created_s = kNoon + second};
}

std::string PositionsIn(const ToldEvents& events) {
  std::string positions;
  for (const ToldEvent& event : events) positions += std::to_string(event.position) + " ";
  return positions;
}

TEST_P(SubscriptionStream, IsToldInOrderOfMomentsAndByItsIdAlone) {
  Append({At(5, "evt_1", "deleted"), At(5, "evt_2"), At(0, "evt_3"), At(0, "evt_4", "updated", "sub_2"),
          At(5, "evt_5", "created"), At(0, "evt_6", "updated", "sub_3")});
  const std::map<std::string, ToldEvents> told = Tell({"sub_1", "sub_2", "sub_9"});
  EXPECT_EQ(told.size(), 2U);
  EXPECT_EQ(PositionsIn(told.at("sub_1")), "3 5 2 1 ");
  EXPECT_EQ(PositionsIn(told.at("sub_2")), "4 ");
  EXPECT_EQ(told.at("sub_1").back().moment, (stripe::Moment{kNoon + 5, stripe::Phase::kDeleted}));
  EXPECT_TRUE(Tell({}).empty());
}

TEST_P(SubscriptionStream, EndsAtThePositionAndAtTheMomentThatIsAskedFor) {
  Append({At(5, "evt_1"), At(0, "evt_2")}, kRecordedAt);
  Append({At(3, "evt_3")}, kRecordedAt + 1);
  const auto as_of = [&](UnixMicros at, AsOf::Axis axis) {
    return PositionsIn(Tell({"sub_1"}, AsOf{at, axis})["sub_1"]);
  };
  EXPECT_EQ(PositionsIn(Tell({"sub_1"}, std::nullopt, 2)["sub_1"]), "2 1 ");
  EXPECT_EQ(as_of((kNoon + 3) * kMicrosPerSecond, AsOf::Axis::kOccurred), "2 3 ");
  EXPECT_EQ(as_of((kNoon + 3) * kMicrosPerSecond - 1, AsOf::Axis::kOccurred), "2 ");
  EXPECT_EQ(as_of(kRecordedAt, AsOf::Axis::kRecorded), "2 1 ");
  EXPECT_EQ(as_of(kRecordedAt + 1, AsOf::Axis::kRecorded), "2 3 1 ");
  EXPECT_EQ(as_of(kRecordedAt - 1, AsOf::Axis::kRecorded), "");
}

TEST_P(SubscriptionStream, IsToldWholeHoweverLongItIs) {
  constexpr int kEvents = 10'400;  // of two streams, which are read in more than one go
  std::vector<StripeEvent> events;
  for (int i = 0; i < kEvents; ++i) {
    events.push_back(At(kEvents - i, "evt_" + std::to_string(i), "updated", i % 4 == 0 ? "sub_1" : "sub_2"));
  }
  Append(events);
  const std::map<std::string, ToldEvents> told = Tell({"sub_2", "sub_1"});
  EXPECT_EQ(told.at("sub_1").size(), std::size_t{kEvents / 4});
  EXPECT_EQ(told.at("sub_2").size(), std::size_t{kEvents / 4 * 3});
  for (const auto& [id, stream] : told) {
    const bool ascends =
        std::is_sorted(stream.begin(), stream.end(),
                       [](const ToldEvent& a, const ToldEvent& b) { return a.moment < b.moment; });
    EXPECT_TRUE(ascends) << id;
    EXPECT_EQ(
        std::adjacent_find(stream.begin(), stream.end(),
                           [](const ToldEvent& a, const ToldEvent& b) { return a.position == b.position; }),
        stream.end())
        << id;
  }
}

TEST_P(SubscriptionStream, IsLoadedWithoutWhatCannotBeUsed) {
  StripeEvent broken = At(1, "evt_2");
  broken.payload = R"({"data":{"object":{"object":"subscription","id":"sub_1","a":1,"a":2}}})";
  Append({At(0, "evt_1"), broken, At(2, "evt_3")});
  storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
  SubscriptionStreams streams(*session, "default", 3);
  const ToldEvents told = streams.Tell({"sub_1"}, std::nullopt)["sub_1"];
  ASSERT_EQ(told.size(), 3U);
  const query::LoadedEvents loaded = streams.Load(told);
  ASSERT_EQ(loaded.size(), 2U);
  EXPECT_EQ(loaded.at(1).told.body.id, "evt_1");
  EXPECT_EQ(loaded.at(3).occurred_at, (kNoon + 2) * kMicrosPerSecond);
  EXPECT_EQ(loaded.at(3).recorded_at, kRecordedAt);
  EXPECT_TRUE(streams.Load({}).empty());
}

INSTANTIATE_TEST_SUITE_P(Engines, SubscriptionStream,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres), EngineName);

}  // namespace
}  // namespace billhook::test
