#include "service/transfer/import.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/clock.h"
#include "service/config.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"

namespace billhook::cli {
namespace {

constexpr std::int64_t kKilobyte = 1024;

int ImportFrom(std::istream& in, std::int64_t total_bytes) {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  const auto database = storage::OpenDatabase(*url, 1, storage::Ownership::kExclusive);
  storage::Migrate(*database, storage::AllMigrations(), SystemClock());
  storage::EventLog log(*database);
  transfer::ImportReport report;
  {
    // How many events a file holds is known at its end; how long it is, at once.
    const bool length_known = total_bytes > 0;
    Progress progress(length_known ? "import (KiB)" : "import");
    report = transfer::Import(in, log, [&](std::int64_t events, std::int64_t bytes) {
      if (length_known) {
        progress.Show(bytes / kKilobyte, total_bytes / kKilobyte);
      } else {
        progress.Show(events, Progress::kUnknown);
      }
    });
  }
  if (!report.refusal.empty())
    return Fail(report.refusal + " (" + std::to_string(report.imported) + " events imported)");
  std::printf("imported %lld events, %lld were there before\n", static_cast<long long>(report.imported),
              static_cast<long long>(report.known));
  return 0;
}

int Import(const std::string& path) {
  if (path.empty() || path == "-") return ImportFrom(std::cin, 0);
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) return Fail("cannot read " + path);
  std::error_code none;  // a pipe has no size
  const std::uintmax_t size =
      std::filesystem::is_regular_file(path) ? std::filesystem::file_size(path, none) : 0;
  return ImportFrom(file, static_cast<std::int64_t>(size));
}

}  // namespace

void AddImport(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "import", "Take over an exported log: into an empty one, or on where an import of the file ended");
  auto path = std::make_shared<std::string>();
  command->add_option("FILE", *path, "What export wrote; default: standard input");
  command->callback([&run, path] { run = [path] { return Import(*path); }; });
}

}  // namespace billhook::cli
