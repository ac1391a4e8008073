#include <cstdio>
#include <future>
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

// A projection that is being rebuilt.
struct Rebuilding {
  const Projection* projection = nullptr;
  storage::RebuildStatus status;
  bool done = false;
};

// One step; a running service that shares the database may do it in our place.
void Advance(storage::ReadModels& read_models, Rebuilding& one) {
  const storage::Step step = read_models.Advance(*one.projection, kBatch, SystemClock());
  const auto status = read_models.StatusOf(std::string(one.projection->name()));
  one.done = !status || !status->rebuild;
  if (one.done) return;
  one.status = *status->rebuild;
  if (step.outcome != storage::Step::Outcome::kAdvanced) std::this_thread::sleep_for(kLookAgain);
}

// All step side by side and wait for one another, so that they share each stretch of the log.
void RebuildTogether(storage::ReadModels& read_models, const std::vector<const Projection*>& projections,
                     const std::string& what) {
  std::vector<Rebuilding> all;
  for (const Projection* projection : projections) {
    if (read_models.StartRebuild(*projection, SystemClock(), true) == storage::RebuildStart::kUnderWay) {
      std::fprintf(stderr, "%s is being rebuilt already: going on with that\n",
                   std::string(projection->name()).c_str());
    }
    all.push_back({projection, {}, false});
  }
  Progress progress("rebuild " + what);
  while (true) {
    std::vector<std::future<void>> steps;
    for (Rebuilding& one : all) {
      if (!one.done) steps.push_back(std::async(std::launch::async, [&] { Advance(read_models, one); }));
    }
    if (steps.empty()) break;
    for (std::future<void>& step : steps) step.get();
    std::int64_t processed = 0;
    std::int64_t total = 0;
    for (const Rebuilding& one : all) {
      processed += one.done ? one.status.total : one.status.processed;
      total += one.status.total;
    }
    progress.Show(processed, total);
  }
  for (const Projection* projection : projections)
    std::printf("rebuilt %s\n", std::string(projection->name()).c_str());
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
  if (const std::optional<std::string> missing = storage::RequireMigrated(*database, SystemClock()))
    return Fail("the database lacks migration " + *missing + ": run billhook migrate");
  storage::ReadModels read_models(*database);
  read_models.Register(AllProjections(), SystemClock());
  RebuildTogether(read_models, chosen, options.all ? "all" : options.name);
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
