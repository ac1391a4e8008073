// Backfills against a stand-in of Stripe's list of events, on both engines.
#include "service/backfill/backfill.h"

#include <set>

#include <gtest/gtest.h>

#include "service/storage/event_log.h"
#include "service/storage/log_walk.h"
#include "tests/support/stripe_api.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::backfill {
namespace {

using test::StripeApi;

constexpr std::int64_t kNow = test::kNoon + 40 * 86'400;
constexpr std::int64_t kDay = 86'400;

std::string EventAt(const std::string& id, std::int64_t created_s) {
  return test::BodyOf({.id = id,
                       .type = "charge.succeeded",
                       .object = test::Charge("ch_" + id, 100),
                       .created_s = created_s});
}

class Backfills : public test::OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped()) return;
    database_ = database().Open();
    log_ = std::make_unique<storage::EventLog>(*database_);
    runs_ = std::make_unique<Runs>(*database_);
  }

  Result<backfill::Run, std::string> Do(std::int64_t since_s, const BackfillOptions& options = {}) {
    EventsApi api(stripe_.address(), key_, [this](std::chrono::milliseconds pause, const std::string& why) {
      pauses_.push_back(pause);
      EXPECT_NE(why, "");
    });
    Backfill walker(
        api, *log_, *runs_, [this] { return now_s_ * kMicrosPerSecond; }, [](const backfill::Run&) {},
        options);
    return walker.Do({"default", false, since_s});
  }

  std::vector<std::string> RecordedIds() {
    std::vector<std::string> ids;
    for (const RecordedEvent& recorded : log_->ReadLog(0, 100'000)) ids.push_back(*recorded.event.caused_by);
    return ids;
  }

  StripeApi stripe_{[this] { return now_s_ * kMicrosPerSecond; }};
  std::int64_t now_s_ = kNow;
  std::string key_ = test::kStripeKey;
  std::vector<std::chrono::milliseconds> pauses_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<Runs> runs_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Backfills,
                         ::testing::Values(test::Engine::kSqliteMemory, test::Engine::kPostgres),
                         test::EngineName);

TEST_P(Backfills, RecordWhatWasMissedTheOldestFirstAndCountTheRestAsDuplicates) {
  std::vector<std::string> expected;
  for (int i = 0; i < 450; ++i) {
    expected.push_back("evt_" + std::to_string(1'000 + i));
    stripe_.Add(EventAt(expected.back(), kNow - 10 * kDay + i * 1'500));
  }
  const Result<backfill::Run, std::string> first = Do(kNow - 11 * kDay);
  ASSERT_TRUE(first) << first.error();
  EXPECT_EQ(first->listed, 450);
  EXPECT_EQ(first->recorded, 450);
  EXPECT_EQ(first->missed_from, (kNow - 10 * kDay) * kMicrosPerSecond);
  EXPECT_EQ(first->missed_to, (kNow - 10 * kDay + 449 * 1'500) * kMicrosPerSecond);
  EXPECT_EQ(RecordedIds(), expected);
  stripe_.Add(EventAt("evt_late", kNow - 5 * kDay + 1));
  const Result<backfill::Run, std::string> second = Do(kNow - 11 * kDay);
  ASSERT_TRUE(second) << second.error();
  EXPECT_EQ(second->listed, 451);
  EXPECT_EQ(second->recorded, 1);
  EXPECT_EQ(RecordedIds().back(), "evt_late");
  EXPECT_FALSE(storage::VerifyLog(*database_, [](std::int64_t, std::int64_t) {}).first_bad_position);
}

TEST_P(Backfills, KeepTheVeryTextOfAnEventAndSayWhichRunBroughtIt) {
  const std::string body = "{ \"id\":\"evt_1\",\n\t\"object\":\"event\", \"type\":\"x.y\",\"created\":" +
                           std::to_string(kNow - 5) +
                           ", \"data\":{\"object\":{\"n\":1.50e0,\"t\":\"\\u00e9, ]\",\"n\":2}} }";
  stripe_.Add(body);
  const Result<backfill::Run, std::string> run = Do(kNow - 10);
  ASSERT_TRUE(run) << run.error();
  const std::vector<RecordedEvent> events = log_->ReadLog(0, 10);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events.front().event.payload, body);
  EXPECT_EQ(events.front().event.metadata, R"({"backfill":")" + run->id + "\"}");
  EXPECT_EQ(events.front().event.source, Source::kStripe);
}

TEST_P(Backfills, HoldOnlySmallWindowsInMemoryAndStillTakeASecondThatIsFull) {
  std::set<std::string> expected;
  for (int i = 0; i < 700; ++i) {
    const std::string id = "evt_" + std::to_string(1'000 + i);
    expected.insert(id);
    stripe_.Add(EventAt(id, i < 400 ? kNow - 7'000 : kNow - 6'000 + i));
  }
  const Result<backfill::Run, std::string> run = Do(kNow - 20 * kDay, {.window_events = 150});
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->listed, 700);
  const std::vector<std::string> ids = RecordedIds();
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), expected);
  EXPECT_FALSE(Do(kNow - 20 * kDay, {.window_events = 150, .second_events = 399}));
}

TEST_P(Backfills, GoOnWhereTheyWereCutOff) {
  for (int i = 0; i < 600; ++i)
    stripe_.Add(EventAt("evt_" + std::to_string(1'000 + i), kNow - 25 * kDay + i * 3'600));
  stripe_.FailBy(
      [](std::size_t request) { return request > 4 ? std::optional(StripeApi::Fault{503}) : std::nullopt; });
  const Result<backfill::Run, std::string> cut_off = Do(kNow - 26 * kDay, {.first_window_s = kDay});
  ASSERT_FALSE(cut_off);
  EXPECT_NE(cut_off.error().find("goes on where"), std::string::npos) << cut_off.error();
  const std::size_t recorded = RecordedIds().size();
  ASSERT_GT(recorded, 0U);
  ASSERT_LT(recorded, 600U);
  const std::vector<Gap> gaps = runs_->ReadCoverage("default", false, kNow).gaps;
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_FALSE(gaps.front().beyond_retention);

  stripe_.FailBy(nullptr);
  now_s_ += 100;
  const Result<backfill::Run, std::string> whole = Do(kNow - 26 * kDay + 50);
  ASSERT_TRUE(whole) << whole.error();
  EXPECT_EQ(RecordedIds().size(), 600U);
  EXPECT_EQ(whole->recorded, 600);
  EXPECT_LT(whole->listed, 605) << "what was walked before is walked again";
  EXPECT_EQ(runs_->List("default", false, 10).size(), 1U);
  EXPECT_TRUE(runs_->ReadCoverage("default", false, now_s_).gaps.empty());
  EXPECT_TRUE(runs_->List("default", true, 10).empty());
  EXPECT_TRUE(runs_->List("other", false, 10).empty());
}

TEST_P(Backfills, BeginAnewWhereTheUnfinishedOneLeftMoreThanStripeLists) {
  stripe_.FailBy([](std::size_t) { return StripeApi::Fault{500}; });
  ASSERT_FALSE(Do(kNow - 20 * kDay));
  stripe_.FailBy(nullptr);
  now_s_ += 15 * kDay;
  const Result<backfill::Run, std::string> run = Do(kNow - 20 * kDay);
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->from_s, now_s_ - kRetentionSeconds);
  const Coverage coverage = runs_->ReadCoverage("default", false, now_s_);
  EXPECT_EQ(coverage.gaps, (std::vector<Gap>{{{kNow - 20 * kDay, now_s_ - kRetentionSeconds}, true}}));
  EXPECT_EQ(coverage.checked, (std::vector<Stretch>{{now_s_ - kRetentionSeconds, now_s_}}));
}

TEST_P(Backfills, WaitLongerAndLongerOrAsLongAsStripeAsks) {
  stripe_.Add(EventAt("evt_1", kNow - 5));
  stripe_.FailBy([](std::size_t request) -> std::optional<StripeApi::Fault> {
    if (request == 1) return StripeApi::Fault{429, "7"};
    if (request == 2) return StripeApi::Fault{500};
    if (request == 3) return StripeApi::Fault{503, "nonsense"};
    if (request == 4) return StripeApi::Fault{503, "Sun, 06 Nov 1994 08:49:37 GMT"};  // has passed
    return std::nullopt;
  });
  const Result<backfill::Run, std::string> run = Do(kNow - 10);
  ASSERT_TRUE(run) << run.error();
  EXPECT_EQ(run->recorded, 1);
  using std::chrono::milliseconds;
  EXPECT_EQ(pauses_, (std::vector{milliseconds(7'000), milliseconds(1'000), milliseconds(2'000),
                                  milliseconds(4'000)}));
}

TEST_P(Backfills, GiveUpAfterAWhileOrWhereStripeAsksToWaitTooLong) {
  stripe_.FailBy([](std::size_t) { return StripeApi::Fault{503}; });
  EXPECT_FALSE(Do(kNow - 10));
  EXPECT_EQ(stripe_.requests().size(), static_cast<std::size_t>(EventsApi::kMostTries));
  stripe_.FailBy([](std::size_t) { return StripeApi::Fault{429, "301"}; });
  const Result<backfill::Run, std::string> run = Do(kNow - 10);
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().find("301 s"), std::string::npos) << run.error();
  EXPECT_EQ(stripe_.requests().size(), static_cast<std::size_t>(EventsApi::kMostTries) + 1);
  stripe_.FailBy([](std::size_t) { return StripeApi::Fault{429, "Fri, 31 Dec 9999 23:59:59 GMT"}; });
  EXPECT_FALSE(Do(kNow - 10));
  EXPECT_EQ(stripe_.requests().size(), static_cast<std::size_t>(EventsApi::kMostTries) + 2);
}

TEST_P(Backfills, DoNotTryAgainWhatStripeRefusesAndTellNothingOfTheKey) {
  key_ = "sk_test_of_somebody_else";
  const Result<backfill::Run, std::string> run = Do(kNow - 10);
  ASSERT_FALSE(run);
  EXPECT_EQ(stripe_.requests().size(), 1U);
  EXPECT_NE(run.error().find("STRIPE_API_KEY"), std::string::npos) << run.error();
  EXPECT_EQ(run.error().find("somebody"), std::string::npos) << run.error();
  stripe_.FailBy([](std::size_t) { return StripeApi::Fault{403}; });
  EXPECT_NE(Do(kNow - 10).error().find("permission"), std::string::npos);
}

TEST_P(Backfills, NoticeAListThatRunsInACircleOrIsNone) {
  const std::string event = EventAt("evt_1", kNow - 5);
  const auto error_of = [&](const std::string& body) {
    stripe_.FailBy([body](std::size_t) { return StripeApi::Fault{200, "", body}; });
    const Result<backfill::Run, std::string> run = Do(kNow - 10);
    return run ? std::string() : run.error();
  };
  EXPECT_NE(error_of(R"({"data":[)" + event + R"(],"has_more":true})").find("circle"), std::string::npos);
  EXPECT_NE(error_of(R"({"data":[],"has_more":true})").find("promises more"), std::string::npos);
  EXPECT_NE(error_of(R"({"data":[{"id":"evt_2"}],"has_more":false})").find("no event"), std::string::npos);
  for (const char* body : {"", "<html>", "[]", "{}", R"({"data":{},"has_more":false})", R"({"data":[]})",
                           R"({"data":[],"data":[],"has_more":false})", R"({"data":[],"has_more":1})",
                           R"({"data":[,"has_more":false})"})
    EXPECT_NE(error_of(body).find("no list of events"), std::string::npos) << body;
}

}  // namespace
}  // namespace billhook::backfill
