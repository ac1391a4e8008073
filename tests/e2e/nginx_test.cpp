// deploy/nginx.conf in Debian's nginx, TLS and all, in front of the real binary: what goes in comes out.
#include "tests/support/nginx.h"

#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "domain/time.h"
#include "service/clock.h"
#include "service/http/problem.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr const char* kKey = "reverse-proxy-key-0123456789";

struct Answered {
  int curl_status = 0;  // curl's own
  int status = 0;
  std::string head;
  std::string body;

  [[nodiscard]] bool Has(const std::string& header) const { return head.find(header) != std::string::npos; }
};

// Over TLS, under that name at nginx's address.
Answered Fetch(const Nginx& nginx, const std::string& name, const std::string& path,
               const std::vector<std::string>& headers, const std::string& body = "") {
  std::vector<std::string> command = {"curl",
                                      "--silent",
                                      "--include",
                                      "--max-time",
                                      "30",
                                      "--cacert",
                                      nginx.certificate_file(),
                                      "--resolve",
                                      name + ":" + nginx.tls_port() + ":127.0.0.1"};
  for (const std::string& header : headers) command.insert(command.end(), {"--header", header});
  if (!body.empty()) command.insert(command.end(), {"--data-binary", "@-", "--header", "Expect:"});
  command.push_back("https://" + name + ":" + nginx.tls_port() + path);
  const Finished curl = RunProgram(command, {}, body);
  const std::size_t head_end = curl.out.find("\r\n\r\n");
  if (head_end == std::string::npos) return {curl.status, 0, "", ""};
  Answered answered{curl.status, 0, curl.out.substr(0, head_end), curl.out.substr(head_end + 4)};
  answered.status = std::atoi(answered.head.substr(answered.head.find(' ') + 1, 3).c_str());
  return answered;
}

// As one who has a key.
Answered Send(const Nginx& nginx, const std::string& path, std::vector<std::string> headers = {},
              const std::string& body = "") {
  headers.push_back(std::string("Authorization: Bearer ") + kKey);
  Answered answered = Fetch(nginx, Nginx::kName, path, headers, body);
  EXPECT_EQ(answered.curl_status, 0) << path;
  return answered;
}

Answered PostWebhook(const Nginx& nginx, const std::string& body, std::vector<std::string> headers = {}) {
  headers.push_back("Stripe-Signature: " +
                    stripe::SignatureHeader(kServeSecret, SystemClock() / kMicrosPerSecond, body));
  return Fetch(nginx, Nginx::kName, "/webhooks/stripe", headers, body);
}

// nginx's own answer looks like billhook's.
void ExpectProblem(const Answered& answered, int status, const std::string& code) {
  ASSERT_EQ(answered.status, status) << answered.head << answered.body;
  EXPECT_TRUE(answered.Has("content-type: application/problem+json")) << answered.head;
  const Json problem = Json::parse(answered.body);
  EXPECT_EQ(problem["type"], "about:blank");
  EXPECT_EQ(problem["status"], status);
  EXPECT_EQ(problem["code"], code);
  if (status < 500) {  // billhook itself has no 502
    EXPECT_EQ(problem["title"], http::TitleOf(status));
  }
  EXPECT_FALSE(problem["detail"].get<std::string>().empty());
  EXPECT_TRUE(answered.Has("x-request-id: " + problem["request_id"].get<std::string>())) << answered.head;
  EXPECT_EQ(answered.Has("retry-after: "), status == 429 || status >= 500) << answered.head;
  EXPECT_TRUE(answered.Has("strict-transport-security: max-age=31536000")) << answered.head;
}

std::map<std::string, std::string> WithKey(const TestDatabase& database) {
  std::map<std::string, std::string> environment = EnvironmentFor(database);
  environment["API_KEYS"] = std::string("proxied:admin:") + kKey;
  return environment;
}

class ReverseProxy : public ::testing::Test {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_PROGRAM(Nginx::kProgram); }
};

TEST_F(ReverseProxy, PassesBytesIdsAndAnswersOnUnchanged) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(WithKey(database));
  const Nginx nginx({serve.address()});

  // Bytes that a proxy which reads them would change: blanks, escapes, UTF-8, line ends.
  const std::string body =
      "{ \"id\":\"evt_1\",\r\n\t\"object\":\"event\", "
      "\"type\":\"customer.updated\",\"created\":1767225600,\"livemode\":true,"
      "\"data\":{\"object\":{\"id\":\"cus_1\",\"object\":\"customer\",\"name\":\"J\\u00f6rg "
      "\xc3\x9f\\/\"}}}\n\n ";
  const Answered posted = PostWebhook(nginx, body, {"X-Request-Id: my-request"});
  EXPECT_EQ(posted.status, 200) << posted.body;
  EXPECT_NE(posted.head.find("x-request-id: my-request"), std::string::npos) << posted.head;
  const Answered event = Send(nginx, "/api/v1/events?limit=1");
  EXPECT_NE(event.body.find("\"payload\":" + body), std::string::npos) << event.body;

  // An ID of nginx' own where the caller gives none, the same in its log and in the answer.
  const Answered unnamed =
      Send(nginx, "/api/v1/customers?email=jenny@example.com&min_position=1&wait_ms=20000");
  EXPECT_EQ(unnamed.status, 200);
  const std::size_t at = unnamed.head.find("x-request-id: ");
  ASSERT_NE(at, std::string::npos);
  const std::string id = unnamed.head.substr(at + 14, 32);
  EXPECT_TRUE(
      Await([&] { return nginx.AccessLog().find(id) != std::string::npos; }, std::chrono::seconds(30)))
      << id << " is not in " << nginx.AccessLog();
  EXPECT_EQ(nginx.AccessLog().find("jenny"), std::string::npos) << "nothing of a query";

  // What billhook refuses is billhook's own answer, in JSON.
  const Answered forged = Send(nginx, "/webhooks/stripe", {"Stripe-Signature: t=1,v1=00"}, body);
  EXPECT_EQ(forged.status, 400);
  EXPECT_EQ(Json::parse(forged.body)["code"], "signature_mismatch");
  const Answered too_large = PostWebhook(nginx, std::string(1'500'000, ' '));
  EXPECT_EQ(too_large.status, 413);
  EXPECT_EQ(Json::parse(too_large.body)["code"], "body_too_large");
  const Answered large = PostWebhook(nginx, CustomerEvent("evt_large") + std::string(1'000'000, ' '));
  EXPECT_EQ(large.status, 200) << "up to the limit it goes through";
  const Answered behind = Send(nginx, "/api/v1/customers?min_position=1000&wait_ms=1");
  EXPECT_EQ(behind.status, 503);
  EXPECT_EQ(Json::parse(behind.body)["code"], "projection_behind");
  EXPECT_TRUE(behind.Has("retry-after: ")) << behind.head;

  EXPECT_TRUE(behind.Has("strict-transport-security: ")) << behind.head;
  EXPECT_FALSE(behind.Has("server: nginx/")) << "nothing of its version";

  for (const char* path : {"/metrics", "/health", "/health/live", "/docs", "/"})
    ExpectProblem(Send(nginx, path), 404, "not_found");
}

// What comes through nginx comes from anywhere, whatever Host it names.
TEST_F(ReverseProxy, LetsNobodyInWithoutAKey) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess keyless(EnvironmentFor(database));
  const Nginx nginx({keyless.address()});
  const auto refused = [](const Answered& answered) {
    EXPECT_EQ(answered.status, 401) << answered.body;
    EXPECT_NE(answered.body.find("API_KEYS"), std::string::npos) << answered.body;
  };
  refused(Fetch(nginx, Nginx::kName, "/api/v1/events", {}));
  refused(Send(nginx, "/api/v1/events"));
  // Where no block of nginx refuses strange names: here, without TLS.
  http::Client plain(nginx.address());
  for (const char* host : {"localhost", "127.0.0.1", "[::1]"}) {
    const auto answer = plain.Send("GET", "/api/v1/events", {{"Host", host}, {"X-Forwarded-For", ""}});
    ASSERT_TRUE(answer) << plain.error();
    EXPECT_EQ(answer->status, 401) << host << answer->body;
  }
  EXPECT_EQ(PostWebhook(nginx, CustomerEvent("evt_1")).status, 200) << "deliveries are signed";
  EXPECT_EQ(Get(keyless.address(), "/api/v1/statistics")["total_events"], 1) << "this machine's own";
}

TEST_F(ReverseProxy, RefusesStrangeNamesItself) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(WithKey(database));
  const Nginx nginx({serve.address()});
  constexpr int kTlsRefused = 35;  // curl's "SSL connect error"
  for (const char* name : {"localhost", "evil.example", "127.0.0.1"}) {
    const Answered asked = Fetch(nginx, name, "/api/v1/events", {});
    EXPECT_EQ(asked.curl_status, kTlsRefused) << name << asked.head;
  }
  // The right name for TLS, another one inside.
  for (const char* host : {"localhost", "evil.example", "127.0.0.1", "billing.example.com.evil.example"}) {
    const Answered asked = Send(nginx, "/api/v1/events", {std::string("Host: ") + host});
    EXPECT_EQ(asked.status, 421) << host << asked.body;
    EXPECT_FALSE(asked.Has("x-request-id")) << "billhook's own answer: " << asked.head;
  }
  EXPECT_EQ(Send(nginx, "/api/v1/events", {"Host: BILLING.example.com"}).status, 200);
}

TEST_F(ReverseProxy, RefusesInBillhooksOwnShape) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(WithKey(database));
  {
    const Nginx nginx({serve.address()});
    ExpectProblem(PostWebhook(nginx, std::string(2'200'000, ' ')), 413, "body_too_large");
  }
  const Nginx nginx({"http://127.0.0.1:" + std::to_string(FreePort())});
  ExpectProblem(PostWebhook(nginx, CustomerEvent("evt_1")), 502, "unreachable");
  ExpectProblem(Send(nginx, "/api/v1/customers?email=jenny@example.com"), 502, "unreachable");
  EXPECT_EQ(nginx.ErrorLog().find("jenny"), std::string::npos) << nginx.ErrorLog();
}

// One address asks faster than it may.
TEST_F(ReverseProxy, LimitsAnAddressAndLogsNothingOfItsQueries) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(WithKey(database));
  const Nginx nginx({serve.address()});
  const std::string path = "/api/v1/customers?email=jenny@example.com";
  // Without TLS and on one connection: 50 a second are soon exceeded, and stay so.
  std::atomic<bool> enough{false};
  std::thread hasty([&] {
    http::Client client(nginx.address());
    while (!enough) client.Send("GET", path, {{"Authorization", std::string("Bearer ") + kKey}});
  });
  Answered refused;
  for (int tries = 0; tries < 100 && refused.status != 429; ++tries)
    refused = Send(nginx, path, {"X-Request-Id: mine"});
  enough = true;
  hasty.join();
  ExpectProblem(refused, 429, "rate_limited");
  EXPECT_EQ(PostWebhook(nginx, CustomerEvent("evt_1")).status, 200) << "webhooks are never limited";
  EXPECT_NE(nginx.AccessLog().find(" 429 "), std::string::npos);
  EXPECT_EQ(nginx.AccessLog().find("jenny"), std::string::npos);
  EXPECT_EQ(nginx.ErrorLog().find("jenny"), std::string::npos) << nginx.ErrorLog();
}

// billhook's own limit, of callers that nginx tells apart, whatever they write themselves.
TEST_F(ReverseProxy, TellsBillhookWhoAsks) {
  const TestDatabase database(Engine::kSqliteFile);
  std::map<std::string, std::string> environment = WithKey(database);
  environment["TRUSTED_PROXIES"] = "127.0.0.1";
  environment["API_RATE_LIMIT"] = "1";
  ServeProcess serve(environment);
  const Nginx nginx({serve.address()});
  const auto answers = [&](const std::string& from, int times) {
    std::vector<std::string> command = {"curl", "--silent", "--interface",
                                        from,   "--header", "X-Forwarded-For: 203.0.113.7"};
    for (int i = 0; i < times; ++i) command.push_back(nginx.address() + "/api/v1/events");
    return RunProgram(command, {}).out;
  };
  EXPECT_NE(answers("127.0.0.2", 30).find("rate_limited"), std::string::npos);
  EXPECT_NE(answers("127.0.0.3", 1).find("key_missing"), std::string::npos) << "another caller";
}

// An ID that says who somebody is stands in neither log.
TEST_F(ReverseProxy, LogsTheIdThatBillhookTook) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(WithKey(database));
  const Nginx nginx({serve.address()});
  const Answered answered = Send(nginx, "/api/v1/events", {"X-Request-Id: jenny@example.com"});
  EXPECT_EQ(answered.status, 200);
  const std::size_t at = answered.head.find("x-request-id: ");
  ASSERT_NE(at, std::string::npos) << answered.head;
  const std::string id = answered.head.substr(at + 14, 36);
  EXPECT_TRUE(
      Await([&] { return nginx.AccessLog().find(id) != std::string::npos; }, std::chrono::seconds(30)))
      << id << " is not in " << nginx.AccessLog();
  EXPECT_EQ(nginx.AccessLog().find("jenny"), std::string::npos);
}

TEST_F(ReverseProxy, LosesNoWebhookWhileOneOfSeveralStops) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  constexpr int kEvents = 60;
  ServeProcess one(EnvironmentFor(database));
  ServeProcess two(EnvironmentFor(database));
  const Nginx nginx({one.address(), two.address()});
  for (int i = 0; i < kEvents; ++i) {
    if (i == kEvents / 3) one.Signal(SIGTERM);
    const Answered answered = PostWebhook(nginx, CustomerEvent("evt_" + std::to_string(i)));
    EXPECT_EQ(answered.status, 200) << i << answered.body;
  }
  EXPECT_EQ(one.Wait(), 0);
  EXPECT_EQ(Get(two.address(), "/api/v1/statistics")["total_events"], kEvents);
}

}  // namespace
}  // namespace billhook::test
