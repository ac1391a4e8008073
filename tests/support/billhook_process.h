// The real binary as a process of its own: started, read, killed. Ends with the object.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace billhook::test {

struct Finished {
  int status = -1;  // the exit status; 128 + n after signal n
  std::string out;
  std::string err;
};

// Runs a subcommand to its end with `environment` alone (and PATH), `input` as standard input.
Finished RunBillhook(const std::vector<std::string>& arguments,
                     const std::map<std::string, std::string>& environment, const std::string& input = "");

// `billhook serve` on a free port.
class ServeProcess {
 public:
  // Returns once it listens; throws std::runtime_error with its log if it does not.
  explicit ServeProcess(std::map<std::string, std::string> environment);
  ~ServeProcess();
  ServeProcess(const ServeProcess&) = delete;
  ServeProcess& operator=(const ServeProcess&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }
  // Everything that it wrote to standard error so far.
  [[nodiscard]] std::string Log() const;
  void Signal(int signal) const;
  // Waits for its end; the exit status, 128 + n after signal n.
  int Wait();
  [[nodiscard]] bool running() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
  std::filesystem::path log_;
  std::string address_;
};

}  // namespace billhook::test
