// Debian's nginx in front of billhook processes, set up by deploy/nginx.conf: only addresses and files are
// other ones, and it listens without TLS too. Ends with the object.
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
  [[nodiscard]] const std::string& tls_address() const { return tls_address_; }
  // Whoever trusts this file trusts the TLS address.
  [[nodiscard]] std::string certificate_file() const { return directory_ / "certificate"; }
  [[nodiscard]] std::string AccessLog() const;

 private:
  void MakeCertificate() const;
  [[nodiscard]] std::string Configuration(const std::vector<std::string>& addresses) const;

  std::filesystem::path directory_;
  std::string address_;
  std::string tls_address_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace billhook::test
