// The subcommands of the binary, one file each. An Add function declares the subcommand with its options and,
// when the command line names it, sets `run` to what it does; `run` returns the process's exit status (0
// success, 1 failure).
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace billhook::cli {

using Run = std::function<int()>;

void AddServe(CLI::App& app, Run& run);
void AddMigrate(CLI::App& app, Run& run);
void AddSign(CLI::App& app, Run& run);
void AddSimulate(CLI::App& app, Run& run);
void AddRebuild(CLI::App& app, Run& run);
void AddVerify(CLI::App& app, Run& run);
void AddExport(CLI::App& app, Run& run);
void AddImport(CLI::App& app, Run& run);
void AddBackfill(CLI::App& app, Run& run);
void AddBackup(CLI::App& app, Run& run);

}  // namespace billhook::cli
