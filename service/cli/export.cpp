#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <unistd.h>

#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/config.h"
#include "service/storage/log_walk.h"
#include "service/storage/open_database.h"
#include "service/transfer/event_line.h"

namespace billhook::cli {
namespace {

namespace fs = std::filesystem;

// Where the lines go. A file appears under its name once it is whole and on the disk; one of that name stays
// until then.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path) {
    if (path_.empty() || path_ == "-") return;
    // What is no plain file (a pipe, /dev/null) cannot be put in place afterwards.
    whole_at_once_ = !fs::exists(path_) || fs::is_regular_file(path_);
    if (whole_at_once_) written_to_ = path_ + ".partial";
    file_ = std::fopen(written_to_.empty() ? path_.c_str() : written_to_.c_str(), "wb");
    if (file_ == nullptr) Throw();
  }
  ~Output() {
    if (file_ == stdout) return;
    std::fclose(file_);
    if (!done_ && whole_at_once_) std::remove(written_to_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(const std::string& line) {
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fputc('\n', file_) == EOF)
      Throw();
  }

  void Finish() {
    if (std::fflush(file_) != 0) Throw();
    if (!whole_at_once_) return;
    if (fsync(fileno(file_)) != 0 || std::rename(written_to_.c_str(), path_.c_str()) != 0) Throw();
    done_ = true;
  }

 private:
  [[noreturn]] void Throw() const {
    const std::string why = std::generic_category().message(errno);
    throw StorageError(
        "cannot write to " + (file_ == stdout ? std::string("standard output") : path_) + ": " + why, false);
  }

  std::string path_;
  std::string written_to_;
  bool whole_at_once_ = false;
  bool done_ = false;
  std::FILE* file_ = stdout;
};

int Export(const std::string& path) {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  const auto database = storage::OpenDatabase(*url, storage::kReadersOfAWalk, storage::Ownership::kShared);
  Output output(path);
  storage::ChainReport report;
  {
    Progress progress("export");
    report = storage::WalkLog(
        *database, &transfer::EventLine, [&output](const std::string& line) { output.Write(line); },
        [&progress](std::int64_t done, std::int64_t total) { progress.Show(done, total); });
  }
  if (report.first_bad_position) {
    return Fail("the log is damaged at position " + std::to_string(*report.first_bad_position) + ": " +
                report.what);
  }
  output.Finish();
  std::fprintf(stderr, "exported %lld events\n", static_cast<long long>(report.events));
  return 0;
}

}  // namespace

void AddExport(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand("export", "Write the whole log as JSON Lines, each event proven");
  auto path = std::make_shared<std::string>();
  command->add_option("FILE", *path, "Where to; default: standard output");
  command->callback([&run, path] { run = [path] { return Export(*path); }; });
}

}  // namespace billhook::cli
