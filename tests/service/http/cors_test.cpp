// CORS_ORIGINS: pages of the listed origins may ask the API and read its answers, refusals too; nobody
// else's, and the webhooks nobody's. (Without the setting: web_pages_test.cpp.)
#include "service/http/cors.h"

#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/bodies.h"
#include "tests/support/running_service.h"

namespace billhook::test {
namespace {

constexpr const char* kApp = "https://app.example.com";
constexpr const char* kTools = "http://tools.example:3000";
constexpr const char* kReading = "/api/v1/statistics";
constexpr const char* kAllowed = "Access-Control-Allow-Origin";
const http::Fields kKey = {{"Authorization", "Bearer key-a"}};

Environment Configured(const Environment& more = {}) {
  Environment environment = {{"API_KEYS", "a:admin:key-a"},
                             {"CORS_ORIGINS", std::string(kApp) + "," + kTools}};
  for (const auto& [name, value] : more) environment[name] = value;
  return environment;
}

http::Fields From(const std::string& origin, http::Fields more = {}) {
  more.emplace_back("Origin", origin);
  return more;
}

std::set<std::string> CorsHeadersOf(const Answer& answer) {
  std::set<std::string> names;
  for (const auto& [name, value] : answer.headers) {
    if (name.rfind("Access-Control-", 0) == 0) names.insert(name);
  }
  return names;
}

std::set<std::string> Listed(const std::string& text) {
  std::set<std::string> names;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');)
    names.insert(word.substr(word.find_first_not_of(' ')));
  return names;
}

TEST(CrossOrigin, PagesOfAListedOriginReadAnswersAndNoOthers) {
  RunningService service(Configured());
  for (const char* origin : {kApp, kTools}) {
    const Answer answer = service.Get(kReading, From(origin, kKey));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header(kAllowed), origin);
    EXPECT_EQ(answer.Header("Vary"), "Origin");
    const Answer known =
        service.Get(kReading, From(origin, {{"Authorization", "Bearer key-a"},
                                            {"If-None-Match", answer.Header("ETag")},
                                            {"Connection", "close"}}));  // httplib reads a 304 to its end
    EXPECT_EQ(known.status, 304);
    EXPECT_EQ(known.Header(kAllowed), origin);
  }
  for (const char* origin :
       {"null", "*", "", "https://APP.example.com", "HTTPS://app.example.com", "http://app.example.com",
        "https://app.example.com:443", "https://app.example.com:8443", "https://app.example.com/",
        "https://app.example.com.evil.example", "https://evil.app.example.com", "https://xapp.example.com",
        "http://tools.example", "https://app.example.com,http://tools.example:3000",
        "https://app.example.com http://tools.example:3000"}) {
    const Answer answer = service.Get(kReading, From(origin, kKey));
    EXPECT_EQ(answer.status, 200) << "the key is what lets in";
    EXPECT_EQ(CorsHeadersOf(answer), std::set<std::string>()) << origin;
    EXPECT_EQ(answer.Header("Vary"), "Origin") << origin;
  }
  EXPECT_EQ(CorsHeadersOf(service.Get(kReading, From(kApp, From(kTools, kKey)))), std::set<std::string>())
      << "of two nobody can say which one asks";
  EXPECT_EQ(service.Get(kReading, kKey).Header("Vary"), "Origin") << "a cache must not give it to a page";
}

TEST(CrossOrigin, APreflightTellsWhatThePathTakes) {
  RunningService service(Configured());
  const auto preflight = [&](const std::string& path) {
    return service.Send("OPTIONS", path,
                        From(kApp, {{"Access-Control-Request-Method", "POST"},
                                    {"Access-Control-Request-Headers", "authorization,x-evil"}}));
  };
  const std::pair<const char*, std::set<std::string>> paths[] = {
      {"/api/v1/events", {"GET", "HEAD", "POST"}},
      {"/api/v1/statistics?branch=a", {"GET", "HEAD"}},
      {"/api/v1/branches/a", {"GET", "HEAD", "DELETE"}},
      {"/api/v1/nothing", {"GET", "HEAD", "POST", "DELETE"}}};
  for (const auto& [path, methods] : paths) {
    const Answer answer = preflight(path);
    EXPECT_EQ(answer.status, 204) << path;
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.Header(kAllowed), kApp) << path;
    EXPECT_EQ(answer.Header("Vary"), "Origin") << path;
    EXPECT_EQ(Listed(answer.Header("Access-Control-Allow-Methods")), methods) << path;
    EXPECT_EQ(answer.Header("Access-Control-Allow-Headers").find("evil"), std::string::npos);
    EXPECT_GT(std::stoi(answer.Header("Access-Control-Max-Age")), 0);
    EXPECT_EQ(answer.Header("Access-Control-Allow-Credentials"), "") << "keys alone let in";
  }
}

TEST(CrossOrigin, PreflightsOfOthersAreRefusedLikeAnyCallWithoutAKey) {
  RunningService service(Configured());
  const http::Fields asked = {{"Access-Control-Request-Method", "POST"}};
  for (const char* origin : {"https://evil.example", "null"}) {
    const Answer answer = service.Send("OPTIONS", "/api/v1/events", From(origin, asked));
    EXPECT_EQ(answer.status, 401) << origin;
    EXPECT_EQ(CorsHeadersOf(answer), std::set<std::string>()) << origin;
  }
  EXPECT_EQ(service.Send("OPTIONS", "/api/v1/events", asked).status, 401) << "no browser's";
  EXPECT_EQ(service.Send("OPTIONS", "/api/v1/events", From(kApp)).status, 401) << "no preflight";
  EXPECT_EQ(service.Send("OPTIONS", "/api/v1/events", From(kApp, kKey)).status, 405);
}

TEST(CrossOrigin, RefusalsAreReadToo) {
  RunningService service(Configured({{"API_RATE_LIMIT", "5"}, {"MAX_BODY_BYTES", "1024"}}));
  std::set<int> seen;
  const auto expect = [&](const Answer& answer) {
    seen.insert(answer.status);
    EXPECT_EQ(answer.Header(kAllowed), kApp) << answer.status;
    EXPECT_EQ(answer.Header("Vary"), "Origin") << answer.status;
  };
  expect(service.Get("/api/v1/nothing", From(kApp, kKey)));
  expect(service.Get("/api/v1/subscriptions/sub_none", From(kApp, kKey)));
  expect(service.Get(kReading + std::string("?x=1"), From(kApp, kKey)));
  expect(service.Send("DELETE", kReading, From(kApp, kKey)));
  expect(service.Post("/api/v1/events", std::string(2'000, ' '), From(kApp, kKey)));
  while (seen.count(429) == 0) expect(service.Get(kReading, From(kApp)));  // without a key
  EXPECT_EQ(seen, (std::set<int>{401, 404, 405, 413, 422, 429}));
}

// A page's share of requests is for what it wants to know, and a refused preflight would tell it nothing.
TEST(CrossOrigin, PreflightsAreNoRequestsOfTheRateLimit) {
  RunningService service(Configured({{"API_RATE_LIMIT", "1"}}));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(
        service.Send("OPTIONS", kReading, From(kApp, {{"Access-Control-Request-Method", "GET"}})).status,
        204);
  }
  EXPECT_EQ(service.Get(kReading, From(kApp)).status, 401);
}

TEST(CrossOrigin, WebhooksAndWhatNeedsNoKeyAreNoBusinessOfPages) {
  RunningService service(Configured());
  const http::Fields page = From(kApp, {{"Access-Control-Request-Method", "POST"}});
  EXPECT_EQ(service.Send("OPTIONS", "/webhooks/stripe", page).status, 405);
  for (const char* path : {"/webhooks/stripe", "/health", "/metrics", "/openapi.json", "/nothing", "/api"}) {
    for (const char* method : {"OPTIONS", "GET", "POST"})
      EXPECT_EQ(CorsHeadersOf(service.Send(method, path, page)), std::set<std::string>()) << method << path;
  }
  const std::string body = CustomerEvent("evt_1");
  const Answer posted =
      service.Post("/webhooks/stripe", body, From(kApp, {{"Stripe-Signature", service.Signature(body)}}));
  EXPECT_EQ(posted.status, 200);
  EXPECT_EQ(CorsHeadersOf(posted), std::set<std::string>());
}

// What the document says that a caller may send, and is answered.
TEST(CrossOrigin, PagesMaySendAndReadWhateverHeadersTheApiHas) {
  RunningService service(Configured());
  const nlohmann::json document = service.Get("/openapi.json").Json();
  const auto resolved = [&](const nlohmann::json& part) {
    return part.contains("$ref")
               ? document.at(nlohmann::json::json_pointer(part.at("$ref").get<std::string>().substr(1)))
               : part;
  };
  std::set<std::string> sent = {"Authorization", "Content-Type", "X-Request-Id", "traceparent"};
  std::set<std::string> answered = {"Location"};
  for (const auto& [path, operations] : document.at("paths").items()) {
    if (path.rfind("/api/", 0) != 0) continue;
    for (const auto& operation : operations) {
      for (const auto& parameter : operation.value("parameters", nlohmann::json::array())) {
        if (resolved(parameter).at("in") == "header") sent.insert(resolved(parameter).at("name"));
      }
      for (const auto& response : operation.at("responses")) {
        const nlohmann::json headers = resolved(response).value("headers", nlohmann::json::object());
        for (const auto& [name, header] : headers.items()) answered.insert(name);
      }
    }
  }
  const Answer preflight =
      service.Send("OPTIONS", kReading, From(kApp, {{"Access-Control-Request-Method", "GET"}}));
  EXPECT_EQ(Listed(preflight.Header("Access-Control-Allow-Headers")), sent);
  EXPECT_EQ(Listed(service.Get(kReading, From(kApp)).Header("Access-Control-Expose-Headers")), answered);
}

TEST(Origin, IsWhatABrowserWrites) {
  for (const char* origin :
       {"https://app.example.com", "http://localhost:3000", "https://a", "https://127.0.0.1:8443",
        "http://[::1]:3000", "https://[2001:db8::1]", "https://xn--bcher-kva.example", "http://h:443"})
    EXPECT_TRUE(http::IsOrigin(origin)) << origin;
  for (const char* text : {"",
                           "*",
                           "null",
                           "app.example.com",
                           "https://",
                           "https://*.example.com",
                           "https://app.example.com/",
                           "https://app.example.com/path",
                           "https://App.example.com",
                           "HTTPS://app.example.com",
                           "https://app.example.com:443",
                           "http://app.example.com:80",
                           "https://app.example.com:",
                           "https://app.example.com:0",
                           "https://app.example.com:08443",
                           "https://app.example.com:65536",
                           "https://app.example.com:+1",
                           "https://app.example.com:1:2",
                           "https://user@app.example.com",
                           "https://app.example.com?x",
                           "https://app.example.com#x",
                           "ftp://app.example.com",
                           "file://",
                           "https://b\xc3\xbc"
                           "cher.example",
                           "https:// app.example.com",
                           "https://.example.com",
                           "https://a..b",
                           "https://[::1",
                           "https://[::1]x",
                           "https://[]",
                           "https://[::A]",
                           "https://::1",
                           "https://[0:0:0:0:0:0:0:1]",
                           "http://127.1",
                           "http://127.0.0.01",
                           "http://2130706433",
                           "https://a\r\nX: y"})
    EXPECT_FALSE(http::IsOrigin(text)) << text;
}

}  // namespace
}  // namespace billhook::test
