#include <cstdio>
#include <thread>

#include "projections/registry.h"
#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/clock.h"
#include "service/config.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"

namespace billhook::cli {
namespace {

constexpr std::size_t kBatch = 1'000;
constexpr std::chrono::milliseconds kLookAgain{50};

struct RebuildOptions {
  std::string name;
  bool all = false;
};

// Rebuilds one projection; a running service that shares the database may do the steps in our place.
void RebuildOne(storage::ReadModels& read_models, const Projection& projection) {
  const std::string name(projection.name());
  read_models.StartRebuild(projection, SystemClock());  // one that is under way already is gone on with
  Progress progress("rebuild " + name);
  while (true) {
    const storage::Step step = read_models.Advance(projection, kBatch, SystemClock());
    const auto status = read_models.StatusOf(name);
    if (!status || !status->rebuild) break;
    progress.Show(status->rebuild->processed, status->rebuild->total);
    if (step.outcome == storage::Step::Outcome::kElsewhere) std::this_thread::sleep_for(kLookAgain);
  }
  std::printf("rebuilt %s\n", name.c_str());
}

int Rebuild(const RebuildOptions& options) {
  const Result<std::string, std::string> url = ReadDatabaseUrl(ProcessEnvironment());
  if (!url) return Fail(url.error());
  std::vector<const Projection*> chosen;
  std::string known;
  for (const Projection* projection : AllProjections()) {
    if (options.all || projection->name() == options.name) chosen.push_back(projection);
    known.append(known.empty() ? "" : ", ").append(projection->name());
  }
  if (chosen.empty()) return Fail("there is no projection " + options.name + "; there are " + known);
  const auto database = storage::OpenDatabase(*url, 1, storage::Ownership::kExclusive);
  if (const std::optional<std::string> missing = storage::FirstMissing(*database))
    return Fail("the database lacks migration " + *missing + ": run billhook migrate");
  storage::ReadModels read_models(*database);
  read_models.Register(AllProjections(), SystemClock());
  for (const Projection* projection : chosen) RebuildOne(read_models, *projection);
  return 0;
}

}  // namespace

void AddRebuild(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "rebuild", "Rebuild read models from the log; readers see the old ones until it is done");
  auto options = std::make_shared<RebuildOptions>();
  auto* group = command->add_option_group("which");
  group->add_option("NAME", options->name, "The projection");
  group->add_flag("--all", options->all, "Every projection");
  group->require_option(1);
  command->callback([&run, options] { run = [options] { return Rebuild(*options); }; });
}

}  // namespace billhook::cli
