// Debian's nginx in front of several billhook processes, set up as docs/scaling.md says. Ends with the
// object.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace billhook::test {

class Nginx {
 public:
  static constexpr const char* kProgram = "/usr/sbin/nginx";

  // Returns once it listens; throws std::runtime_error with its log if it does not.
  explicit Nginx(const std::vector<std::string>& addresses);
  ~Nginx();
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  std::filesystem::path directory_;
  std::string address_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace billhook::test
