// What a browser may do for a web page: nothing. No page of another origin is let in, none may read an
// answer, and an answer is never taken for a page. Nor does a proxy lend its address to who comes through it.
#include <gtest/gtest.h>

#include "tests/support/bodies.h"
#include "tests/support/running_service.h"

namespace billhook::test {
namespace {

constexpr const char* kReading = "/api/v1/statistics";
constexpr const char* kPosted =
    R"({"aggregate_type":"o","aggregate_id":"1","event_type":"Forged","data":{}})";

TEST(WebPages, AreToldToTrustNothing) {
  RunningService service;
  for (const char* path : {kReading, "/health", "/metrics", "/nothing"}) {
    const Answer answer = service.Get(path);
    EXPECT_EQ(answer.Header("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(answer.Header("Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'") << path;
    EXPECT_EQ(answer.Header("Cache-Control"), "private, no-cache") << path;
  }
}

TEST(WebPages, AreNeverAllowedAnotherOrigin) {
  RunningService service(Environment{{"API_KEYS", "a:admin:key-a"}});
  const http::Fields page = {{"Origin", "https://evil.example"},
                             {"Authorization", "Bearer key-a"},
                             {"Access-Control-Request-Method", "POST"},
                             {"Access-Control-Request-Headers", "authorization"}};
  EXPECT_EQ(service.Send("OPTIONS", "/api/v1/events", page).status, 405);
  for (const char* method : {"OPTIONS", "GET", "POST"}) {
    for (const auto& [name, value] : service.Send(method, "/api/v1/events", page, "{}").headers)
      EXPECT_NE(name.rfind("Access-Control", 0), 0U) << method << ": " << name << ": " << value;
  }
}

// Without keys the loopback address is all that keeps strangers out, and a browser lends it to every page.
TEST(WebPages, OfOtherOriginsAreNotLetInWhereThereAreNoKeys) {
  RunningService service;
  const std::string own = service.address();  // http://127.0.0.1:PORT
  const std::string host = own.substr(own.rfind('/') + 1);
  const std::string port = host.substr(host.rfind(':'));
  const auto reads = [&](const http::Fields& headers) { return service.Get(kReading, headers).status; };
  for (const std::string& name : {"localhost" + port, "127.0.0.1" + port, "127.1.2.3" + port, "[::1]" + port,
                                  std::string("localhost"), std::string("[::1]")})
    EXPECT_EQ(reads({{"Host", name}}), 200) << name;
  for (const std::string& name :
       {"evil.example" + port, "localhost.evil.example" + port, std::string("127.0.0.1.evil.example"),
        "0.0.0.0" + port, "[::]" + port, "[::1" + port, "10.0.0.1" + port, std::string()})
    EXPECT_EQ(reads({{"Host", name}}), 401) << name;

  for (const std::string& origin :
       {std::string("https://evil.example"), std::string("null"), std::string("http://localhost:3000"),
        "https://" + host, own + ".evil.example"}) {
    const Answer forged =
        service.Post("/api/v1/events", kPosted, {{"Origin", origin}, {"Content-Type", "text/plain"}});
    EXPECT_EQ(forged.status, 401) << origin;
    EXPECT_EQ(forged.Code(), "key_missing") << origin;
  }
  EXPECT_EQ(service.Get(kReading).Json()["total_events"], 0);
  EXPECT_EQ(service.Post("/api/v1/events", kPosted, {{"Origin", own}}).status, 201);

  // What needs no key is open to whoever reaches it; deliveries are signed.
  EXPECT_EQ(service.Get("/health", {{"Host", "billhook.example"}}).status, 200);
  const std::string body = SubscriptionEvent("evt_1", "sub_1", "active");
  EXPECT_EQ(service
                .Post("/webhooks/stripe", body,
                      {{"Host", "billhook.example"}, {"Stripe-Signature", service.Signature(body)}})
                .status,
            200);
}

// A proxy on this machine lends the loopback address to strangers, and passes on whatever Host they name.
TEST(Proxies, LetNobodyInWhereThereAreNoKeys) {
  RunningService service;
  const std::string own = service.address();
  const std::pair<const char*, const char*> marks[] = {{"Forwarded", "for=203.0.113.7;host=localhost"},
                                                       {"X-Forwarded-For", "203.0.113.7"},
                                                       {"x-forwarded-for", "127.0.0.1"},
                                                       {"X-Forwarded-Host", "localhost"},
                                                       {"X-Forwarded-Proto", "https"},
                                                       {"X-Real-IP", "203.0.113.7"},
                                                       {"Via", "1.1 proxy"},
                                                       {"Via", ""}};
  for (const auto& [name, value] : marks) {
    const http::Fields through = {{"Host", "localhost"}, {name, value}};
    const Answer read = service.Get(kReading, through);
    EXPECT_EQ(read.status, 401) << name;
    EXPECT_EQ(read.Code(), "key_missing") << name;
    EXPECT_NE(read.Json()["detail"].get<std::string>().find("API_KEYS"), std::string::npos) << "what to do";
    EXPECT_EQ(service.Post("/api/v1/events", kPosted, through).status, 401) << name;
    EXPECT_EQ(service.Get("/health/live", through).status, 200) << name;
  }
  EXPECT_EQ(service.Get(kReading).Json()["total_events"], 0);
}

// One that adds no header and rewrites Host is known by its address alone.
TEST(Proxies, LetNobodyInWhereThereAreNoKeysThoughTheyTellNothing) {
  RunningService service(Environment{{"TRUSTED_PROXIES", "127.0.0.1"}});
  EXPECT_EQ(service.Get(kReading).status, 401);
  EXPECT_EQ(service.Get(kReading, {{"X-Forwarded-For", "127.0.0.1"}}).status, 401);
}

TEST(Proxies, DoNotMatterToWhoHasAKey) {
  RunningService service(Environment{{"API_KEYS", "a:reader:key-a"}});
  EXPECT_EQ(
      service.Get(kReading, {{"Authorization", "Bearer key-a"}, {"X-Forwarded-For", "203.0.113.7"}}).status,
      200);
}

// A key is what lets in, whatever name the service has.
TEST(WebPages, DoNotMatterToWhoHasAKey) {
  RunningService service(Environment{{"API_KEYS", "a:reader:key-a"}});
  EXPECT_EQ(service
                .Get(kReading, {{"Authorization", "Bearer key-a"},
                                {"Host", "billhook.example"},
                                {"Origin", "https://tools.example"}})
                .status,
            200);
}

}  // namespace
}  // namespace billhook::test
