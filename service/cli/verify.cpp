#include <cstdio>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/config.h"
#include "service/storage/log_walk.h"
#include "service/storage/open_database.h"

namespace billhook::cli {
namespace {

int Verify() {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  const auto database = storage::OpenDatabase(*url, storage::kReadersOfAWalk, storage::Ownership::kShared);
  storage::ChainReport report;
  {
    Progress progress("verify");
    report = storage::VerifyLog(
        *database, [&progress](std::int64_t done, std::int64_t total) { progress.Show(done, total); });
  }
  if (report.first_bad_position) {
    return Fail("the log is damaged at position " + std::to_string(*report.first_bad_position) + ": " +
                report.what);
  }
  std::printf("the log is whole: %lld events\n", static_cast<long long>(report.events));
  return 0;
}

}  // namespace

void AddVerify(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("verify", "Prove that nothing in the log was altered, removed or reordered");
  command->callback([&run] { run = &Verify; });
}

}  // namespace billhook::cli
