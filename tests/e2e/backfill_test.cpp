// `billhook backfill` with the real binary against a stand-in of Stripe's API: beside a service on
// PostgreSQL, on a SQLite file by itself, killed in the middle, and over TLS.
#include <csignal>
#include <cstdlib>
#include <future>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/paths.h"
#include "tests/support/stripe_api.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"
#include "tests/support/tls_server.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;
using Environment = ProcessEnvironment;

constexpr const char* kSecret = "whsec_e2e";
constexpr int kPayments = 300;

std::string PaymentAt(int number, std::int64_t created_s) {
  const std::string id = std::to_string(1'000 + number);
  return BodyOf({.id = "evt_" + id,
                 .type = "charge.succeeded",
                 .object = Charge("ch_" + id, 100),
                 .created_s = created_s,
                 .livemode = false});
}

std::vector<std::string> Payments() {
  const std::int64_t now_s = SystemClock() / kMicrosPerSecond;
  std::vector<std::string> events;
  for (int i = 0; i < kPayments; ++i) events.push_back(PaymentAt(i, now_s - 20 * 86'400 + i * 3'600));
  return events;
}

Environment With(const TestDatabase& database, const StripeApi& stripe) {
  return {{"STRIPE_WEBHOOK_SECRET", kSecret},
          {"DATABASE_URL", database.url()},
          {"STRIPE_API_KEY", kStripeKey},
          {"STRIPE_API_BASE", stripe.address()}};
}

Json Get(const std::string& address, const std::string& path) {
  http::Client client(address);
  const std::optional<http::Response> response = client.Send("GET", path);
  EXPECT_TRUE(response && response->status == 200) << path << (response ? response->body : client.error());
  return response ? Json::parse(response->body) : Json();
}

void ExpectAllBooked(const std::string& address) {
  const std::string position = Get(address, "/api/v1/statistics").at("latest_position").dump();
  const Json balances =
      Get(address, "/api/v1/ledger/balances?wait_ms=20000&min_position=" + position).at("data");
  ASSERT_EQ(balances.size(), 1U) << balances;
  EXPECT_EQ(balances[0].at("gross"), kPayments * 100);
  EXPECT_EQ(balances[0].at("livemode"), false);
}

TEST(BackfillOfAProcess, FillsWhatWebhooksMissedBesideAServiceOnPostgres) {
  TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  StripeApi stripe;
  const Environment environment = With(database, stripe);
  ServeProcess service(environment);
  http::Client client(service.address());
  int number = 0;
  for (const std::string& event : Payments()) {
    stripe.Add(event);
    if (++number % 3 == 0) continue;  // this one is missed
    const std::string signature = stripe::SignatureHeader(kSecret, SystemClock() / kMicrosPerSecond, event);
    ASSERT_EQ(client.Send("POST", "/webhooks/stripe", {{"Stripe-Signature", signature}}, event)->status, 200);
  }
  const Finished finished = RunBillhook({"backfill", "--since", "60d"}, environment);
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_NE(finished.out.find("200 were recorded before, 100 are now"), std::string::npos) << finished.out;
  EXPECT_NE(finished.out.find("beyond the 30 days"), std::string::npos) << finished.out;
  EXPECT_EQ((finished.out + finished.err).find(kStripeKey), std::string::npos);
  ExpectAllBooked(service.address());
  const Json reconciliation = Get(service.address(), "/api/v1/reconciliation?livemode=false");
  EXPECT_EQ(reconciliation.at("gaps").at(0).at("reason"), "beyond_retention");
  EXPECT_EQ(reconciliation.at("runs").at(0).at("recorded"), 100);
  EXPECT_TRUE(Get(service.address(), "/api/v1/reconciliation").at("runs").empty());
  EXPECT_EQ(RunBillhook({"verify"}, environment).status, 0);
}

TEST(BackfillOfAProcess, GoesOnAfterAKillAndNeedsASqliteFileForItself) {
  TestDatabase database(Engine::kSqliteFile);
  StripeApi stripe;
  for (const std::string& event : Payments()) stripe.Add(event);
  const Environment environment = With(database, stripe);
  {
    ServeProcess service(environment);
    const Finished refused = RunBillhook({"backfill", "--since", "25d"}, environment);
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("stop that one"), std::string::npos) << refused.err;
    service.Signal(SIGTERM);
    EXPECT_EQ(service.Wait(), 0);
  }
  {
    // The stand-in kills it, as it asks for a page in the middle.
    std::promise<pid_t> started;
    stripe.FailBy(
        [pid = started.get_future().share()](std::size_t request) -> std::optional<StripeApi::Fault> {
          if (request != 5) return std::nullopt;
          kill(pid.get(), SIGKILL);
          return StripeApi::Fault{500};
        });
    ChildProcess backfill({BillhookBinary(), "backfill", "--since", "25d"}, environment);
    started.set_value(backfill.pid());
    EXPECT_EQ(backfill.Wait(), 128 + SIGKILL);
    stripe.FailBy(nullptr);
  }
  const Finished finished = RunBillhook({"backfill", "--since", "25d"}, environment);
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.out.find("gap:"), std::string::npos) << finished.out;
  ServeProcess service(environment);
  EXPECT_EQ(Get(service.address(), "/api/v1/statistics").at("total_events"), kPayments);
  EXPECT_EQ(Get(service.address(), "/api/v1/reconciliation?livemode=false").at("runs").size(), 1U);
  ExpectAllBooked(service.address());
}

TEST(BackfillOfAProcess, SaysEverythingThatIsMissingAtOnce) {
  const Finished finished = RunBillhook({"backfill", "--since", "soon"}, {{"DATABASE_URL", "mysql://x"}});
  EXPECT_EQ(finished.status, 1);
  for (const char* name : {"DATABASE_URL", "STRIPE_API_KEY", "--since"})
    EXPECT_NE(finished.err.find(name), std::string::npos) << finished.err;
  EXPECT_EQ(RunBillhook({"backfill"}, {}).status, 2);
}

TEST(BackfillOfAProcess, TrustsNoServerWhoseCertificateThisMachineDoesNot) {
  TestDatabase database(Engine::kSqliteFile);
  (void)database.Open();
  TlsServer server;
  Environment environment = {{"DATABASE_URL", database.url()},
                             {"STRIPE_API_KEY", kStripeKey},
                             {"STRIPE_API_BASE", server.address()}};
  const Finished refused = RunBillhook({"backfill", "--since", "1d"}, environment);
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("certificate"), std::string::npos) << refused.err;
  EXPECT_EQ(server.requests(), 0) << "a request, and with it the key, went to a stranger";
  environment["SSL_CERT_FILE"] = server.certificate_file();
  const Finished trusted = RunBillhook({"backfill", "--since", "1d"}, environment);
  EXPECT_EQ(trusted.status, 0) << trusted.err;
  EXPECT_GT(server.requests(), 0);
}

}  // namespace
}  // namespace billhook::test
