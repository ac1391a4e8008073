#include <cstdio>
#include <memory>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/config.h"
#include "service/storage/open_database.h"
#include "service/storage/sqlite/sqlite_backup.h"

namespace billhook::cli {
namespace {

int Backup(const std::string& target) {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  const std::optional<std::string> path = storage::SqliteFileOf(*url);
  if (!path) {
    return Fail(
        "backup copies a SQLite file, and DATABASE_URL names none; PostgreSQL has pg_dump and "
        "point-in-time recovery (docs/backup.md)");
  }
  std::optional<std::string> without_models;
  {
    Progress progress("backup (pages)");
    without_models = storage::BackUpSqlite(
        *path, target, [&progress](std::int64_t done, std::int64_t total) { progress.Show(done, total); });
  }
  if (without_models) {
    std::fprintf(stderr, "without read models, which are made again from the log: %s\n",
                 without_models->c_str());
  }
  std::printf("backed up to %s\n", target.c_str());
  return 0;
}

}  // namespace

void AddBackup(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "backup", "Copy the SQLite database and its read models while it is served from, as of one moment");
  auto target = std::make_shared<std::string>();
  command->add_option("FILE", *target, "Where to; must not exist")->required();
  command->callback([&run, target] { run = [target] { return Backup(*target); }; });
}

}  // namespace billhook::cli
