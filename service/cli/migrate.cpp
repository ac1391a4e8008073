#include <cstdio>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/clock.h"
#include "service/config.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"

namespace billhook::cli {
namespace {

int Migrate(bool status_only) {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  const auto ownership = status_only ? storage::Ownership::kShared : storage::Ownership::kExclusive;
  const auto database = storage::OpenDatabase(*url, 1, ownership);
  if (!status_only) {
    for (const std::string& name : storage::Migrate(*database, storage::AllMigrations(), SystemClock())) {
      std::printf("applied %s\n", name.c_str());
    }
  }
  for (const storage::MigrationStatus& status : storage::StatusOf(*database, storage::AllMigrations())) {
    const std::string when = status.applied ? "applied " + FormatRfc3339(status.applied_at) : "missing";
    std::printf("%-24s %s\n", status.name.c_str(), when.c_str());
  }
  return 0;
}

}  // namespace

void AddMigrate(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("migrate", "Apply the database migrations that are missing");
  auto status_only = std::make_shared<bool>(false);
  command->add_flag("--status", *status_only, "Only show which are applied");
  command->callback([&run, status_only] { run = [status_only] { return Migrate(*status_only); }; });
}

}  // namespace billhook::cli
