#include "service/backfill/backfill.h"

#include <cstdio>
#include <memory>
#include <thread>

#include "service/backfill/since.h"
#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/cli/progress.h"
#include "service/config.h"
#include "service/storage/event_log.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"

namespace billhook::cli {
namespace {

struct BackfillArguments {
  std::string since;
  std::string tenant = "default";
};

std::string TimeText(std::int64_t seconds) {
  return FormatRfc3339(seconds * kMicrosPerSecond);
}

void Report(const backfill::Run& run, const backfill::Coverage& coverage) {
  std::printf("Stripe lists %lld events from %s to %s: %lld were recorded before, %lld are now\n",
              static_cast<long long>(run.listed), TimeText(run.from_s).c_str(), TimeText(run.until_s).c_str(),
              static_cast<long long>(run.listed - run.recorded), static_cast<long long>(run.recorded));
  if (run.missed_from) {
    std::printf("the missed ones occurred from %s to %s\n", FormatRfc3339(*run.missed_from).c_str(),
                FormatRfc3339(*run.missed_to).c_str());
  }
  for (const backfill::Gap& gap : coverage.gaps) {
    std::printf("gap: %s to %s %s\n", TimeText(gap.stretch.from).c_str(), TimeText(gap.stretch.to).c_str(),
                gap.beyond_retention ? "lies beyond the 30 days that Stripe lists"
                                     : "was not walked: another backfill can close it");
  }
}

int Backfill(const BackfillArguments& arguments) {
  const Environment environment = ProcessEnvironment();
  const Result<StripeApi, std::vector<std::string>> stripe = ReadStripeApi(environment, arguments.tenant);
  const Result<std::string, std::string> url = ReadDatabaseUrl(environment);
  const Result<std::int64_t, std::string> since =
      backfill::ParseSince(arguments.since, SystemClock() / kMicrosPerSecond);
  if (!url) Fail(url.error());
  if (!since) Fail(since.error());
  if (!stripe) {
    for (const std::string& fault : stripe.error()) Fail(fault);
  }
  if (!stripe || !url || !since) return 1;

  const auto database = storage::OpenDatabase(*url, 1, storage::Ownership::kExclusive);
  if (const std::optional<std::string> missing = storage::RequireMigrated(*database, SystemClock()))
    return Fail("the database lacks migration " + *missing + ": run billhook migrate");
  storage::EventLog log(*database);
  backfill::Runs runs(*database);
  backfill::EventsApi api(stripe->base, stripe->key,
                          [](std::chrono::milliseconds pause, const std::string& why) {
                            std::fprintf(stderr, "%s; trying again in %.1f s\n", why.c_str(),
                                         static_cast<double>(pause.count()) / 1'000);
                            std::this_thread::sleep_for(pause);
                          });
  Progress progress("backfill");
  backfill::Backfill backfill(api, log, runs, &SystemClock, [&progress](const backfill::Run& run) {
    progress.Show(run.listed, Progress::kUnknown);
  });
  const Result<backfill::Run, std::string> run = backfill.Do({arguments.tenant, stripe->livemode, *since});
  if (!run) return Fail(run.error());
  Report(*run, runs.ReadCoverage(run->tenant, run->livemode, SystemClock() / kMicrosPerSecond));
  return 0;
}

}  // namespace

void AddBackfill(CLI::App& app, Run& run) {
  CLI::App* command = app.add_subcommand(
      "backfill", "Fetch the events that Stripe still lists and record those that are missing");
  auto arguments = std::make_shared<BackfillArguments>();
  command
      ->add_option("--since", arguments->since,
                   "From when on: 2026-01-02T03:04:05Z, Unix seconds, or days such as 30d, which is all that "
                   "Stripe lists")
      ->required();
  command->add_option("--tenant", arguments->tenant, "Whose account STRIPE_API_KEY belongs to")
      ->capture_default_str();
  command->callback([&run, arguments] { run = [arguments] { return Backfill(*arguments); }; });
}

}  // namespace billhook::cli
