// The metrics page for what a driven run does not bring about by itself.
#include "service/metrics.h"

#include <gtest/gtest.h>

namespace billhook {
namespace {

TEST(MetricsPage, CountsSagasByTypeAndTheStatusesTheyCameTo) {
  Metrics metrics;
  metrics.CountSaga("TransferMoney", "completed");
  metrics.CountSaga("TransferMoney", "completed");
  metrics.CountSaga("TransferMoney", "compensated");
  const std::string page = metrics.Text();
  EXPECT_NE(page.find("billhook_sagas_total{status=\"completed\",type=\"TransferMoney\"} 2"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("billhook_sagas_total{status=\"compensated\",type=\"TransferMoney\"} 1"),
            std::string::npos);
}

TEST(MetricsPage, CountsProcessorTimeThatNeverGoesBack) {
  Metrics metrics;
  metrics.SetProcess({.cpu_seconds = 5});
  metrics.SetProcess({.cpu_seconds = 4});
  EXPECT_NE(metrics.Text().find("process_cpu_seconds_total 5\n"), std::string::npos) << metrics.Text();
  metrics.SetProcess({.cpu_seconds = 6});
  EXPECT_NE(metrics.Text().find("process_cpu_seconds_total 6\n"), std::string::npos) << metrics.Text();
}

TEST(ProcessStatistics, TellWhatTheKernelKnows) {
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.resident_bytes, 1U << 20);
  EXPECT_GE(stats.open_fds, 3U);
  EXPECT_GE(stats.max_fds, stats.open_fds);
  EXPECT_GT(stats.cpu_seconds, 0);
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(stats.start_unix_seconds, now + 1);
  EXPECT_GT(stats.start_unix_seconds, now - 24 * 3600);
}

}  // namespace
}  // namespace billhook
