// The log as callers page through it: a filter that hardly anything meets looks at a bounded part of it a
// page.
#include "service/query/events_query.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>

#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using query::EventFilter;
using query::kMaxEventsLookedAt;
using query::Page;

constexpr std::int64_t kEvents = 2 * kMaxEventsLookedAt + 500;
const std::vector<std::int64_t> kRare = {1, kMaxEventsLookedAt, kMaxEventsLookedAt + 1, kEvents - 1};

AppendRequest EventFor(std::int64_t position) {
  const std::string number = std::to_string(position);
  AppendRequest request =
      StripeAppend("evt_" + number, "cus_" + number, position % 2 == 0 ? "acme" : "default");
  Event& event = request.front().event;
  if (std::find(kRare.begin(), kRare.end(), position) != kRare.end()) {
    event.tenant = "default";
    event.event_type = "customer.created";
  }
  event.payload = "{}";
  request.front().content = ContentDigest(event);
  return request;
}

class LongLog : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    storage::EventLog log(*database_);
    for (std::int64_t next = 1; next <= kEvents;) {
      std::vector<AppendRequest> requests;
      while (next <= kEvents && requests.size() < 500) requests.push_back(EventFor(next++));
      std::vector<const AppendRequest*> pointers;
      for (const AppendRequest& request : requests) pointers.push_back(&request);
      log.AppendBatch(pointers, kNow);
    }
  }

  [[nodiscard]] Page PageOf(const EventFilter& filter, const query::Key& after = {},
                            std::size_t limit = 100) const {
    return ListEvents(*database_, filter, {limit, after});
  }

  std::unique_ptr<storage::Database> database_;
};

TEST_P(LongLog, IsLookedAtByABoundedPartAPage) {
  EventFilter filter;
  filter.tenant = "default";
  filter.event_type = "customer.created";
  const Page first = PageOf(filter);
  EXPECT_EQ(first.rows.size(), 2U);
  EXPECT_TRUE(first.has_more);
  EXPECT_EQ(first.last, query::Key{std::to_string(kMaxEventsLookedAt)});
  const Page second = PageOf(filter, first.last);
  EXPECT_EQ(second.rows.size(), 1U);
  EXPECT_TRUE(second.has_more);
  const Page third = PageOf(filter, second.last);
  EXPECT_EQ(third.rows.size(), 1U);
  EXPECT_FALSE(third.has_more);

  // A page that is full ends there, and the next one goes on behind it.
  const Page one = PageOf(filter, {}, 1);
  EXPECT_TRUE(one.has_more);
  EXPECT_EQ(one.last, query::Key{"1"});

  // Nor does a tenant with nothing in that part have to wait for who has much.
  filter.tenant = "nobody";
  const Page none = PageOf(filter);
  EXPECT_TRUE(none.rows.empty());
  EXPECT_TRUE(none.has_more);
  filter.after_position = kEvents - 10;
  EXPECT_FALSE(PageOf(filter).has_more);
  filter.after_position = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(PageOf(filter).has_more);
}

TEST_P(LongLog, BeginsWhereTheTenantHasSomething) {
  const AppendRequest late = StripeAppend("evt_late", "cus_late", "small");
  storage::EventLog(*database_).AppendBatch({&late}, kNow);
  EventFilter filter;
  filter.tenant = "small";
  const Page page = PageOf(filter);
  EXPECT_EQ(page.rows.size(), 1U);
  EXPECT_FALSE(page.has_more);
  filter.tenant = "nobody";
  EXPECT_TRUE(PageOf(filter).rows.empty());
  EXPECT_FALSE(PageOf(filter).has_more);
}

TEST_P(LongLog, IsFoundAtOnceByWhatCausedAnEvent) {
  EventFilter filter;
  filter.tenant = "default";
  filter.caused_by = "evt_" + std::to_string(kEvents - 1);
  const Page page = PageOf(filter);
  EXPECT_EQ(page.rows.size(), 1U);
  EXPECT_FALSE(page.has_more);
}

TEST_P(LongLog, IsWalkedThroughWholeAndInOrder) {
  EventFilter filter;
  filter.tenant = "acme";
  std::int64_t events = 0;
  query::Key after;
  for (bool more = true; more;) {
    const Page page = PageOf(filter, after);
    events += static_cast<std::int64_t>(page.rows.size());
    more = page.has_more;
    EXPECT_TRUE(!more || page.rows.size() == 100) << "full as long as there are any";
    EXPECT_TRUE(!more || after.empty() || std::stoll(page.last.front()) > std::stoll(after.front()));
    after = page.last;
  }
  EXPECT_EQ(events, kEvents / 2 - 1) << "one of the rare ones stands at an even position";
}

INSTANTIATE_TEST_SUITE_P(Engines, LongLog, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace billhook::test
