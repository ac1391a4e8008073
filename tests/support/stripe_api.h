// A stand-in of Stripe's list-events API on a port of its own: it keeps events, lists the newest first with
// Stripe's parameters and limits, asks for its key, forgets what is older than 30 days, and fails on purpose.
// Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "service/clock.h"
#include "service/http/server.h"

namespace billhook::test {

constexpr const char* kStripeKey = "sk_test_stand_in";

class StripeApi {
 public:
  explicit StripeApi(Clock clock = &SystemClock);
  ~StripeApi();
  StripeApi(const StripeApi&) = delete;
  StripeApi& operator=(const StripeApi&) = delete;

  [[nodiscard]] std::string address() const { return server_.address(); }
  // A body with an `id` and a `created`.
  void Add(const std::string& event);

  // What a request gets instead of its page; nothing: its page.
  struct Fault {
    int status = 0;
    std::string retry_after = {};
    std::string body = "{}";
  };
  // Asked before each request, with its number from 1 on.
  void FailBy(std::function<std::optional<Fault>(std::size_t request)> fault);

  // The queries that came, as sent.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  struct Listed {
    std::int64_t created_s;
    std::string id;
    std::string body;
  };
  http::Response Answer(const http::Request& request);
  http::Response List(const http::Request& request);

  Clock clock_;
  mutable std::mutex mutex_;
  std::vector<Listed> events_;  // the newest first
  std::vector<std::string> requests_;
  std::function<std::optional<Fault>(std::size_t)> fault_;
  http::Server server_;
};

}  // namespace billhook::test
