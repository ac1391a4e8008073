#include "tests/support/running_service.h"

#include <gtest/gtest.h>

#include "domain/stripe/signature.h"

namespace billhook::test {
namespace {

constexpr int kLongWaits = 10;  // a sanitizer may need more of them than one request may ask for
constexpr int kLongWaitMs = 20'000;

bool AsksForALongWait(const std::string& path) {
  static const std::string kParameter = "wait_ms=";
  const std::size_t at = path.find(kParameter);
  return at != std::string::npos && std::stoi(path.substr(at + kParameter.size())) >= kLongWaitMs;
}

}  // namespace

std::string Answer::Header(const std::string& name) const {
  http::Request lookup;
  lookup.headers = headers;
  const std::string* value = lookup.Header(name);
  return value == nullptr ? "" : *value;
}

Config TestConfig(const Environment& environment) {
  Environment complete = {{"STRIPE_WEBHOOK_SECRET", kSecret},
                          {"DATABASE_URL", "sqlite::memory:"},
                          {"PORT", "0"},
                          {"LOG_LEVEL", "error"}};
  for (const auto& [name, value] : environment) complete[name] = value;
  const Result<Config, std::vector<std::string>> config = ReadConfig(complete);
  if (!config) throw std::runtime_error("bad test configuration: " + config.error().front());
  return *config;
}

RunningService::RunningService(const Environment& environment) {
  const Config config = TestConfig(environment);
  log::Configure(config.log_level, config.log_format);
  service_ = std::make_unique<Service>(config, &SystemClock);
  const std::string fault = service_->Start();
  if (!fault.empty()) throw std::runtime_error(fault);
  client_ = std::make_unique<http::Client>(service_->address());
}

RunningService::~RunningService() {
  Stop();
}

void RunningService::Stop() {
  client_.reset();
  if (service_) {
    EXPECT_TRUE(service_->Stop(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
  }
  service_.reset();
}

Answer RunningService::Send(const std::string& method, const std::string& path, const http::Fields& headers,
                            const std::string& body) {
  for (int left = AsksForALongWait(path) ? kLongWaits : 1;; --left) {
    const std::optional<http::Response> response = client_->Send(method, path, headers, body);
    if (!response) {
      ADD_FAILURE() << method << " " << path << ": " << client_->error();
      return {};
    }
    Answer answer{response->status, response->body, response->headers};
    if (left == 1 || answer.status != 503 || answer.Code() != "projection_behind") return answer;
  }
}

Answer RunningService::Get(const std::string& path, const http::Fields& headers) {
  return Send("GET", path, headers);
}

Answer RunningService::Post(const std::string& path, const std::string& body, const http::Fields& headers) {
  return Send("POST", path, headers, body);
}

Answer RunningService::PostWebhook(const std::string& body, const std::string& path,
                                   const std::string& secret) {
  return Post(path, body, {{"Stripe-Signature", Signature(body, 0, secret)}});
}

std::string RunningService::Signature(const std::string& body, std::int64_t age_s,
                                      const std::string& secret) const {
  return stripe::SignatureHeader(secret, SystemClock() / kMicrosPerSecond - age_s, body);
}

}  // namespace billhook::test
