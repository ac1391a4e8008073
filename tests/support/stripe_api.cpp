#include "tests/support/stripe_api.h"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "service/http/query_parameters.h"

namespace billhook::test {
namespace {

constexpr std::int64_t kRetention = 30 * 86'400;

http::Response Error(int status, const std::string& code) {
  http::Response response;
  response.status = status;
  response.body = R"({"error":{"type":"invalid_request_error","code":")" + code + R"("}})";
  return response;
}

}  // namespace

StripeApi::StripeApi(Clock clock)
    : clock_(std::move(clock)),
      server_(
          {}, 2, [this](const http::Request& request) { return Answer(request); },
          [](const http::Request&, http::Fault) { return Error(400, "malformed"); }) {
  const std::string fault = server_.Start("127.0.0.1", 0);
  if (!fault.empty()) throw std::runtime_error(fault);
}

StripeApi::~StripeApi() {
  server_.Stop(std::chrono::steady_clock::now() + std::chrono::seconds(20));
}

void StripeApi::Add(const std::string& event) {
  const nlohmann::json body = nlohmann::json::parse(event);
  Listed listed{body.at("created"), body.at("id"), event};
  const std::lock_guard lock(mutex_);
  const auto at =
      std::upper_bound(events_.begin(), events_.end(), listed, [](const Listed& a, const Listed& b) {
        return std::tie(a.created_s, a.id) > std::tie(b.created_s, b.id);
      });
  events_.insert(at, std::move(listed));
}

void StripeApi::FailBy(std::function<std::optional<Fault>(std::size_t)> fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

std::vector<std::string> StripeApi::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

http::Response StripeApi::Answer(const http::Request& request) {
  const std::lock_guard lock(mutex_);
  requests_.push_back(request.raw_query);
  const std::optional<Fault> fault = fault_ ? fault_(requests_.size()) : std::nullopt;
  if (!fault) return List(request);
  http::Response response;
  response.status = fault->status;
  response.body = fault->body;
  if (!fault->retry_after.empty()) response.headers.emplace_back("Retry-After", fault->retry_after);
  return response;
}

http::Response StripeApi::List(const http::Request& request) {
  const std::string* key = request.Header("Authorization");
  if (key == nullptr || *key != std::string("Bearer ") + kStripeKey) return Error(401, "api_key");
  if (request.method != "GET" || request.path != "/v1/events") return Error(404, "resource_missing");
  auto query = http::QueryParameters::Parse(request.raw_query,
                                            {"limit", "created[gte]", "created[lt]", "starting_after"});
  if (!query) return Error(400, "parameter_unknown");
  const std::int64_t horizon = clock_() / kMicrosPerSecond - kRetention;
  const std::int64_t from = std::max(horizon, query->Integer("created[gte]", 0, kMaxUnixSeconds).value_or(0));
  const std::int64_t until = query->Integer("created[lt]", 0, kMaxUnixSeconds).value_or(kMaxUnixSeconds);
  const auto limit = static_cast<std::size_t>(query->Integer("limit", 1, 100).value_or(10));
  if (!query->errors().empty()) return Error(400, "parameter_invalid");
  auto at = events_.begin();
  if (const std::optional<std::string> after = query->Text("starting_after")) {
    at = std::find_if(at, events_.end(), [&](const Listed& event) { return event.id == *after; });
    if (at == events_.end() || at->created_s < horizon) return Error(404, "resource_missing");
    ++at;
  }
  std::string data;
  std::size_t rows = 0;
  bool has_more = false;
  for (; at != events_.end() && !has_more; ++at) {
    if (at->created_s < from || at->created_s >= until) continue;
    has_more = rows == limit;
    if (!has_more) data += (rows++ == 0 ? "\n    " : ",\n    ") + at->body;
  }
  http::Response response;
  response.body = "{\n  \"object\": \"list\",\n  \"data\": [" + data +
                  "\n  ],\n  \"has_more\": " + (has_more ? "true" : "false") +
                  ",\n  \"url\": \"/v1/events\"\n}\n";
  return response;
}

}  // namespace billhook::test
