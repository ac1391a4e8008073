// deploy/nginx.conf in Debian's nginx, TLS and all, in front of the real binary: what goes in comes out.
#include "tests/support/nginx.h"

#include <csignal>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "domain/time.h"
#include "service/clock.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

struct Answered {
  int status = 0;
  std::string head;
  std::string body;
};

// Over TLS.
Answered Send(const Nginx& nginx, const std::string& path, const std::vector<std::string>& headers = {},
              const std::string& body = "") {
  std::vector<std::string> command = {
      "curl", "--silent", "--include", "--max-time", "30", "--cacert", nginx.certificate_file()};
  for (const std::string& header : headers) command.insert(command.end(), {"--header", header});
  if (!body.empty()) command.insert(command.end(), {"--data-binary", "@-", "--header", "Expect:"});
  command.push_back(nginx.tls_address() + path);
  const Finished curl = RunProgram(command, {}, body);
  EXPECT_EQ(curl.status, 0) << curl.err;
  const std::size_t head_end = curl.out.find("\r\n\r\n");
  if (head_end == std::string::npos) return {};
  Answered answered{0, curl.out.substr(0, head_end), curl.out.substr(head_end + 4)};
  answered.status = std::atoi(answered.head.substr(answered.head.find(' ') + 1, 3).c_str());
  return answered;
}

Answered PostWebhook(const Nginx& nginx, const std::string& body, std::vector<std::string> headers = {}) {
  headers.push_back("Stripe-Signature: " +
                    stripe::SignatureHeader(kServeSecret, SystemClock() / kMicrosPerSecond, body));
  return Send(nginx, "/webhooks/stripe", headers, body);
}

class ReverseProxy : public ::testing::Test {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_PROGRAM(Nginx::kProgram); }
};

TEST_F(ReverseProxy, PassesBytesIdsAndAnswersOnUnchanged) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(database));
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
  EXPECT_NE(behind.head.find("retry-after: "), std::string::npos) << behind.head;

  for (const char* path : {"/metrics", "/health", "/health/live", "/docs", "/"})
    EXPECT_EQ(Send(nginx, path).status, 404) << path << " stays inside";
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
