// The real binary as a process of its own: started, read, killed. Ends with the object.
#pragma once

#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace billhook::test {

// Runs a subcommand to its end with `environment` alone (and PATH), `input` as standard input.
Finished RunBillhook(const std::vector<std::string>& arguments, const ProcessEnvironment& environment,
                     const std::string& input = "");

// `billhook serve` on a free port, unless PORT says which.
class ServeProcess {
 public:
  // Returns once it listens; throws std::runtime_error with its log if it does not.
  // With `open_files`, it may have no more descriptors than that.
  explicit ServeProcess(ProcessEnvironment environment, std::size_t open_files = 0);

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] pid_t pid() const { return process_.pid(); }
  // Everything that it wrote to standard error so far.
  [[nodiscard]] std::string Log() const { return process_.Log(); }
  void Signal(int signal) const { process_.Signal(signal); }
  // Waits for its end; the exit status, 128 + n after signal n.
  int Wait() { return process_.Wait(); }
  [[nodiscard]] bool running() const { return process_.pid() > 0; }

 private:
  ChildProcess process_;
  std::string address_;
};

}  // namespace billhook::test
