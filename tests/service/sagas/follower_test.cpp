// What the saga runtime finds in the log, remembered or read.
#include "service/sagas/follower.h"

#include <tuple>

#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::sagas {
namespace {

class AFollower : public ::testing::Test {
 protected:
  // `count` events, the news among them of these types in turn.
  void Append(int count, const std::vector<std::string>& types) {
    std::vector<AppendRequest> requests;
    std::vector<const AppendRequest*> pointers;
    for (int i = 0; i < count; ++i) {
      AppendRequest request = test::StripeAppend("evt_" + std::to_string(++appended_));
      request.front().event.event_type = types[static_cast<std::size_t>(i) % types.size()];
      request.front().content = ContentDigest(request.front().event);
      requests.push_back(std::move(request));
    }
    for (const AppendRequest& request : requests) pointers.push_back(&request);
    log_.AppendBatch(pointers, test::kNow);
  }

  using Found = std::tuple<std::vector<std::int64_t>, std::int64_t, bool>;  // triggers, end, at the head

  // All stretches of the log, as one finds them who knows that tail.
  std::vector<Found> Follow(storage::LogTail& tail, bool remembers) {
    Follower follower(*database_, tail);
    std::vector<Found> found;
    bool at_head = false;
    while (!at_head) {
      const Stretch stretch = follower.Look();
      std::vector<std::int64_t> positions;
      for (const Trigger& trigger : stretch.triggers) {
        positions.push_back(trigger.position);
        EXPECT_EQ(trigger.news.has_value(), remembers);
      }
      at_head = stretch.at_head;
      found.emplace_back(std::move(positions), stretch.end, at_head);
      follower.Pass(stretch, false);
    }
    return found;
  }

  const test::TestDatabase test_database_{test::Engine::kSqliteMemory};
  std::unique_ptr<storage::Database> database_ = test_database_.Open();
  storage::LogTail tail_;
  storage::EventLog log_{*database_, &tail_};
  int appended_ = 0;
};

TEST_F(AFollower, FindsTheSameInMemoryAsInTheDatabase) {
  Append(7, {"customer.updated", "invoice.paid", "invoice.created", "invoice.payment_failed"});
  storage::LogTail nothing;
  const std::vector<Found> expected = {{{2, 4, 6}, 7, true}};
  EXPECT_EQ(Follow(nothing, false), expected);
  EXPECT_EQ(Follow(tail_, true), expected);
}

TEST_F(AFollower, TakesSoManyAtATime) {
  Append(300, {"invoice.voided"});
  storage::LogTail nothing;
  const std::vector<Found> read = Follow(nothing, false);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(std::get<1>(read.front()), 256);
  EXPECT_EQ(std::get<1>(read.back()), 300);
  EXPECT_EQ(Follow(tail_, true), read);
}

}  // namespace
}  // namespace billhook::sagas
