// How much memory readers may take together: many large pages at once are smaller ones, with the same rows in
// all.
#include "service/http/answer_space.h"

#include <gtest/gtest.h>

#include "service/query/page.h"
#include "tests/support/bodies.h"
#include "tests/support/child_process.h"
#include "tests/support/peer.h"
#include "tests/support/running_service.h"

namespace billhook::http {
namespace {

TEST(AnswerSpace, GivesWholePagesWhileThereIsSpaceAndThenSmallOnes) {
  AnswerSpace space;
  std::vector<std::shared_ptr<AnswerSpace::Part>> parts;
  for (std::size_t taken = 0; taken < AnswerSpace::kBytes; taken += query::kMaxPageBytes) {
    parts.push_back(space.Take());
    EXPECT_EQ(parts.back()->bytes(), query::kMaxPageBytes);
  }
  for (int i = 0; i < 1'000; ++i) {
    parts.push_back(space.Take());
    ASSERT_EQ(parts.back()->bytes(), AnswerSpace::kSmallPageBytes) << "there is always one";
  }
  parts.clear();
  EXPECT_EQ(space.Take()->bytes(), query::kMaxPageBytes) << "all of it was given back";
}

TEST(AnswerSpace, CountsAPageForWhatItHasBecome) {
  AnswerSpace space;
  std::vector<std::shared_ptr<AnswerSpace::Part>> parts;
  for (int i = 0; i < 100; ++i) {
    parts.push_back(space.Take());
    EXPECT_EQ(parts.back()->bytes(), query::kMaxPageBytes);
    parts.back()->Become(1'000);
  }
  parts.front()->Become(AnswerSpace::kBytes);  // one row alone may be larger than a page
  EXPECT_EQ(space.Take()->bytes(), AnswerSpace::kSmallPageBytes);
  parts.clear();
  EXPECT_EQ(space.Take()->bytes(), query::kMaxPageBytes);
}

TEST(AnswerSpace, MayBeOutlivedByWhatItGave) {
  std::shared_ptr<AnswerSpace::Part> part;
  {
    AnswerSpace space;
    part = space.Take();
  }
  part->Become(1);
}

TEST(SlowReaders, MakePagesSmallerAndLoseNobodyARow) {
  constexpr const char* kList = "/api/v1/events?limit=100";
  constexpr std::size_t kEvents = 8;
  test::RunningService service;
  for (std::size_t i = 0; i < kEvents; ++i) {
    const std::string body = test::CustomerEvent("evt_" + std::to_string(i));
    ASSERT_EQ(service.PostWebhook(body + std::string(1'000'000, ' ')).status, 200);
  }
  const auto rows = [&] { return service.Get(kList).Json()["data"].size(); };
  EXPECT_EQ(rows(), kEvents);
  {
    std::vector<Peer> slow;  // who read nothing
    for (std::size_t i = 0; i < AnswerSpace::kBytes / query::kMaxPageBytes; ++i) {
      slow.emplace_back(service.address());
      slow.back().Send(Get(kList));
      EXPECT_TRUE(slow.back().HearsWithin(kPatience));
    }
    std::size_t walked = 0;
    std::string cursor;
    for (bool more = true; more;) {
      const nlohmann::json page = service.Get(kList + cursor).Json();
      EXPECT_EQ(page["data"].size(), 1U) << "one at least, however large";
      walked += page["data"].size();
      more = page["has_more"];
      if (more) cursor = "&cursor=" + page["next_cursor"].get<std::string>();
    }
    EXPECT_EQ(walked, kEvents);
  }
  EXPECT_TRUE(test::Await([&] { return rows() == kEvents; }, kPatience)) << "once they have gone";
}

}  // namespace
}  // namespace billhook::http
