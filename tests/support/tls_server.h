// A server that speaks TLS on a port of its own, with a certificate for 127.0.0.1 that nobody has signed but
// itself, and answers every GET with an empty list of Stripe's. Thread safe.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace billhook::test {

class TlsServer {
 public:
  TlsServer();
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  [[nodiscard]] std::string address() const;
  // Whoever trusts this file (SSL_CERT_FILE) trusts the server.
  [[nodiscard]] std::string certificate_file() const;
  [[nodiscard]] int requests() const;

 private:
  class Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace billhook::test
