// A thread for one kind of work: when it runs, and how it ends.
#include "service/worker.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace billhook::test {
namespace {

constexpr std::chrono::milliseconds kNever = std::chrono::hours(1);
constexpr std::chrono::milliseconds kAtOnce{0};

void Nobody(const std::string& what) {
  ADD_FAILURE() << what;
}

TEST(AWorker, GoesOnWhileThereIsWorkAndAgainWhenItIsWoken) {
  std::latch idle(1);
  std::latch woken(1);
  int runs = 0;
  Worker worker(
      [&] {
        ++runs;
        if (runs == 3) idle.count_down();
        if (runs == 4) woken.count_down();
        return runs < 3;
      },
      {kAtOnce, kNever, kNever}, &Nobody);
  worker.Start();
  idle.wait();
  worker.Wake();
  woken.wait();
  worker.Stop();
  EXPECT_EQ(runs, 4);
}

TEST(AWorker, TellsWhatFailedAndTriesAgainLater) {
  std::latch again(1);
  std::string told;
  int runs = 0;
  Worker worker(
      [&]() -> bool {
        if (++runs == 1) throw std::runtime_error("away");
        if (runs == 2) again.count_down();
        return false;
      },
      {kAtOnce, kNever, std::chrono::milliseconds(1)}, [&told](const std::string& what) { told += what; });
  worker.Start();
  again.wait();
  worker.Stop();
  EXPECT_EQ(told, "away");
}

TEST(AWorker, EndsWithItsObjectThoughItSleeps) {
  std::latch idle(1);
  Worker worker(
      [&] {
        idle.count_down();
        return false;
      },
      {kAtOnce, kNever, kNever}, &Nobody);
  worker.Start();
  idle.wait();
}

TEST(AWorker, LooksNoSoonerThanItsPaceAllowsHoweverOftenItIsWoken) {
  std::latch idle(1);
  std::atomic<int> runs = 0;
  Worker worker(
      [&] {
        ++runs;
        idle.count_down(runs == 1 ? 1 : 0);
        return false;
      },
      {kNever, kAtOnce, kAtOnce}, &Nobody);
  worker.Start();
  idle.wait();
  for (int i = 0; i < 20; ++i) {
    worker.Wake();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // time for it to run, if it would
  }
  worker.Stop();
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace billhook::test
