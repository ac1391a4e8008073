#include <csignal>
#include <cstdlib>
#include <thread>

#include <sys/resource.h>

#include "domain/event_store.h"
#include "service/cli/commands.h"
#include "service/cli/fail.h"
#include "service/service.h"

namespace billhook::cli {
namespace {

// Connections are file descriptors: ask for as many as we may have.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// By their places in API_KEYS: who puts the parts in the wrong order has a key where its name belongs.
void WarnOfGuessableKeys(const Config& config) {
  for (std::size_t i = 0; i < config.api_keys.size(); ++i) {
    if (config.api_keys[i].guessable)
      log::Warn("a key in API_KEYS is so short that it can be guessed: make one with openssl rand -hex 24",
                {{"entry", i + 1}});
  }
}

int Serve() {
  const Result<Config, std::vector<std::string>> config = ReadConfig(ProcessEnvironment());
  if (!config) {
    for (const std::string& fault : config.error()) Fail(fault);
    return 1;
  }
  log::Configure(config->log_level, config->log_format);
  WarnOfGuessableKeys(*config);
  RaiseFileLimit();
  // Blocked before any thread starts, so that only sigwait below takes them.
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  Service service(*config, &SystemClock);
  const std::string fault = service.Start();
  if (!fault.empty()) return Fail(fault);
  log::Info("listening", {{"address", service.address()}, {"version", BILLHOOK_VERSION}});

  int signal = 0;
  sigwait(&signals, &signal);
  log::Info("stopping", {{"signal", signal == SIGINT ? "SIGINT" : "SIGTERM"}});
  const auto deadline = std::chrono::steady_clock::now() + config->shutdown_timeout;
  // Nothing is answered before it is durable, so cutting off what hangs (a dead database) loses nothing.
  std::thread([deadline] {
    std::this_thread::sleep_until(deadline);
    log::Warn("stopped at the deadline (SHUTDOWN_TIMEOUT_MS); what was unfinished is cut off");
    std::_Exit(0);
  }).detach();
  service.Stop(deadline);
  log::Info("stopped");
  return 0;
}

}  // namespace

void AddServe(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("serve", "Receive webhooks and answer queries until SIGTERM or SIGINT");
  command->footer("Configured by environment variables alone; .env.example lists them.");
  command->callback([&run] { run = &Serve; });
}

}  // namespace billhook::cli
