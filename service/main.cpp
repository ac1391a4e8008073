// The binary: reads the command line and runs the subcommand that it names.
#include <CLI/CLI.hpp>
#include <sys/stat.h>

#include "domain/event_store.h"
#include "service/cli/commands.h"
#include "service/cli/fail.h"

namespace {

constexpr int kWrongUsage = 2;

}  // namespace

int main(int argc, char** argv) {
  umask(S_IRWXG | S_IRWXO);  // databases and histories hold billing data: they are their owner's alone
  CLI::App app("billhook: receives Stripe webhooks and turns them into billing facts", "billhook");
  app.set_version_flag("--version", BILLHOOK_VERSION);
  app.require_subcommand(1);
  billhook::cli::Run run;
  billhook::cli::AddServe(app, run);
  billhook::cli::AddMigrate(app, run);
  billhook::cli::AddSign(app, run);
  billhook::cli::AddSimulate(app, run);
  billhook::cli::AddRebuild(app, run);
  billhook::cli::AddVerify(app, run);
  billhook::cli::AddExport(app, run);
  billhook::cli::AddImport(app, run);
  billhook::cli::AddBackfill(app, run);
  billhook::cli::AddBackup(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  try {
    return run();
  } catch (const billhook::StorageError& error) {
    return billhook::cli::Fail(error.what());
  } catch (const std::exception& error) {
    return billhook::cli::Fail(std::string("unexpected: ") + error.what());
  }
}
