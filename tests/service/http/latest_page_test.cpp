#include "service/http/latest_page.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace billhook::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

TEST(LatestPage, IsMadeAnewOnceItIsOld) {
  steady_clock::time_point now{};
  int made = 0;
  LatestPage page([&made] { return std::to_string(++made); }, [&now] { return now; });
  EXPECT_EQ(page.Text(), "1");
  now += LatestPage::kFreshFor - milliseconds(1);
  EXPECT_EQ(page.Text(), "1");
  now += milliseconds(1);
  EXPECT_EQ(page.Text(), "2");
  EXPECT_EQ(page.Text(), "2");
}

// It took longer than a page may be old: those who asked meanwhile take it all the same.
TEST(LatestPage, IsAsOldAsItWasDone) {
  steady_clock::time_point now{};
  int made = 0;
  LatestPage page(
      [&] {
        now += 5 * LatestPage::kFreshFor;
        return std::to_string(++made);
      },
      [&now] { return now; });
  EXPECT_EQ(page.Text(), "1");
  EXPECT_EQ(page.Text(), "1");
}

TEST(LatestPage, IsMadeByOneAtATime) {
  std::atomic<int> making{0};
  std::atomic<int> made{0};
  std::atomic<std::int64_t> seconds{0};
  LatestPage page(
      [&] {
        EXPECT_EQ(++making, 1);
        ++made;
        --making;
        return std::string("page");
      },
      [&seconds] { return steady_clock::time_point(std::chrono::seconds(++seconds)); });  // always old
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&page] {
      for (int ask = 0; ask < 500; ++ask) EXPECT_EQ(page.Text(), "page");
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(made, 8 * 500);
}

// A failure is the asker's, and the next one tries again.
TEST(LatestPage, IsNoneWhereItCouldNotBeMade) {
  bool fails = true;
  LatestPage page([&fails] { return fails ? throw std::runtime_error("away") : std::string("page"); });
  EXPECT_THROW(page.Text(), std::runtime_error);
  fails = false;
  EXPECT_EQ(page.Text(), "page");
}

}  // namespace
}  // namespace billhook::http
