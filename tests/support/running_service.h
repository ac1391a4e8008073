// A whole service in this process, on a free port, for tests that speak HTTP to it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "service/service.h"

namespace billhook::test {

constexpr const char* kSecret = "whsec_test";

struct Answer {
  int status = 0;
  std::string body;
  http::Fields headers;
  [[nodiscard]] nlohmann::json Json() const { return nlohmann::json::parse(body); }
  [[nodiscard]] std::string Code() const { return Json().value("code", ""); }
  [[nodiscard]] std::string Header(const std::string& name) const;
};

class RunningService {
 public:
  // `environment` is laid over a working configuration on SQLite in memory.
  explicit RunningService(const Environment& environment = {});
  ~RunningService();

  // Where a path waits for 20 or 30 s and the read models are still behind, each of these asks again.
  Answer Get(const std::string& path, const http::Fields& headers = {});
  Answer Post(const std::string& path, const std::string& body, const http::Fields& headers = {});
  Answer Send(const std::string& method, const std::string& path, const http::Fields& headers = {},
              const std::string& body = "");
  // Signed with `secret` as of the service's clock.
  Answer PostWebhook(const std::string& body, const std::string& path = "/webhooks/stripe",
                     const std::string& secret = kSecret);

  [[nodiscard]] std::string Signature(const std::string& body, std::int64_t age_s = 0,
                                      const std::string& secret = kSecret) const;
  [[nodiscard]] const http::Api& api() const { return service_->api(); }
  [[nodiscard]] std::string address() const { return service_->address(); }
  void Stop();

 private:
  std::unique_ptr<Service> service_;
  std::unique_ptr<http::Client> client_;
};

// The configuration that the environment gives over the one above; every fault fails the test.
Config TestConfig(const Environment& environment);

}  // namespace billhook::test
