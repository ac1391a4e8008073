#include "tests/support/exported_log.h"

#include <gtest/gtest.h>

#include "service/storage/log_walk.h"
#include "service/transfer/event_line.h"

namespace billhook::test {

std::string ExportOf(storage::Database& database) {
  std::string lines;
  const storage::ChainReport report = storage::WalkLog(
      database, &transfer::EventLine, [&lines](const std::string& line) { lines += line + "\n"; },
      [](std::int64_t, std::int64_t) {});
  EXPECT_FALSE(report.first_bad_position) << report.what;
  return lines;
}

}  // namespace billhook::test
