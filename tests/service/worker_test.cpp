// A thread for one kind of work: when it runs, and how it ends.
#include "service/worker.h"

#include <chrono>
#include <latch>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

namespace billhook::test {
namespace {

constexpr std::chrono::milliseconds kNever = std::chrono::hours(1);

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
      {kNever, kNever}, &Nobody);
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
      {kNever, std::chrono::milliseconds(1)}, [&told](const std::string& what) { told += what; });
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
      {kNever, kNever}, &Nobody);
  worker.Start();
  idle.wait();
}

}  // namespace
}  // namespace billhook::test
