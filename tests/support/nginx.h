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
  static constexpr const char* kName = "billing.example.com";  // the only one that it serves over TLS

  // Returns once it listens; throws std::runtime_error with its log if it does not.
  explicit Nginx(const std::vector<std::string>& addresses);
  ~Nginx();
  Nginx(const Nginx&) = delete;
  Nginx& operator=(const Nginx&) = delete;

  // Without TLS, under any name.
  [[nodiscard]] const std::string& address() const { return address_; }
  // Of 127.0.0.1.
  [[nodiscard]] const std::string& tls_port() const { return tls_port_; }
  // Whoever trusts this file trusts the name.
  [[nodiscard]] std::string certificate_file() const { return directory_ / "certificate"; }
  [[nodiscard]] std::string AccessLog() const;
  [[nodiscard]] std::string ErrorLog() const;

 private:
  void MakeCertificate() const;
  [[nodiscard]] std::string Configuration(const std::vector<std::string>& addresses) const;

  std::filesystem::path directory_;
  std::string address_;
  std::string tls_port_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace billhook::test
