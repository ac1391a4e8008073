// A program as a process of its own: run to its end, or started, watched and signalled by its pid. Its output
// goes to files, which are gone with the object. Not thread safe, but for Log and Signal.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/types.h>

namespace billhook::test {

using ProcessEnvironment = std::map<std::string, std::string>;

struct Finished {
  int status = -1;  // the exit status; 128 + n after signal n
  std::string out;
  std::string err;
};

// Runs the command to its end with `environment` alone (and PATH), `input` as standard input; status 127
// where there is no such program.
Finished RunProgram(const std::vector<std::string>& command, const ProcessEnvironment& environment = {},
                    const std::string& input = "");

class ChildProcess {
 public:
  // With `open_files`, it may have no more descriptors than that.
  ChildProcess(const std::vector<std::string>& command, const ProcessEnvironment& environment,
               std::size_t open_files = 0);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Everything that it wrote to standard error so far.
  [[nodiscard]] std::string Log() const;
  void Signal(int signal) const;
  // Waits for its end; the exit status, 128 + n after signal n.
  int Wait();
  // The same without waiting: nothing while it runs.
  std::optional<int> Ended();

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
  int status_ = -1;
};

// Asks again and again, since another process tells nobody that it got there; false if it never did within
// `patience`.
bool Await(const std::function<bool()>& there, std::chrono::milliseconds patience);

// A port on 127.0.0.1 that nobody uses now, another at each call; below those that Linux gives to outgoing
// connections, so that none of them takes it meanwhile, nor while its server is down.
int FreePort();

// Whether this machine has the address ::1.
bool HasIpv6();

// Skips the test where a program is missing, or fails it where CI is set.
#define BILLHOOK_REQUIRE_PROGRAM(path)                                                            \
  if (!std::filesystem::exists(path)) {                                                           \
    if (std::getenv("CI") != nullptr) FAIL() << (path) << " is missing: deploy/packages.sh test"; \
    GTEST_SKIP() << (path) << " is missing: deploy/packages.sh test";                             \
  }                                                                                               \
  static_assert(true, "")

}  // namespace billhook::test
