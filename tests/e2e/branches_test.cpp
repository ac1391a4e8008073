// "What if these ten customers cancel?" with the real binary on both engines, over a simulated history, and
// across a crash.
#include <csignal>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

Json Post(const std::string& address, const std::string& path, const Json& body, int status) {
  http::Client client(address);
  const std::optional<http::Response> response = client.Send("POST", "/api/v1/" + path, {}, body.dump());
  EXPECT_TRUE(response && response->status == status) << path << (response ? response->body : " no answer");
  return response ? Json::parse(response->body) : Json();
}

// The subscription's deletion as Stripe would tell it: its newest object, canceled.
Json Cancellation(const std::string& address, const Json& subscription) {
  const std::string id = subscription["id"];
  Json object = Post(address, "replay", {{"aggregate_id", id}}, 200)["state"];
  object["status"] = "canceled";
  return {{"id", "evt_if_" + id},           {"object", "event"},
          {"created", 1'900'000'000},       {"type", "customer.subscription.deleted"},
          {"livemode", object["livemode"]}, {"data", {{"object", object}}}};
}

std::int64_t MonthlyRevenue(const std::vector<Json>& subscriptions, const std::string& currency) {
  std::int64_t sum = 0;
  for (const Json& subscription : subscriptions) {
    if (subscription["currency"] == currency && subscription["mrr"].is_number())
      sum += subscription["mrr"].get<std::int64_t>();
  }
  return sum;
}

class BranchesOfAProcess : public OnEachEngine {};

INSTANTIATE_TEST_SUITE_P(Engines, BranchesOfAProcess,
                         ::testing::Values(Engine::kSqliteFile, Engine::kPostgres), EngineName);

TEST_P(BranchesOfAProcess, TellWhatWouldBeIfTheseTenCustomersCancelled) {
  const std::map<std::string, std::string> environment = EnvironmentFor(database());
  Facts before;
  std::set<std::string> chosen;
  std::int64_t lost = 0;
  {
    ServeProcess process(environment);
    const std::string& address = process.address();
    ASSERT_EQ(
        RunBillhook({"simulate", "--url", address, "--secret", kServeSecret, "--events", "3000", "--shuffle"},
                    {})
            .status,
        0);
    AwaitProjections(address);
    before = FactsOf(address);
    EXPECT_EQ(Post(address, "branches", {{"name", "ten-cancel"}}, 201)["from_position"], 3'000);

    Json events = Json::array();
    for (const Json& subscription : before.subscriptions) {
      if (subscription["status"] != "active" || subscription["currency"] != "usd" || chosen.size() == 10)
        continue;
      chosen.insert(subscription["id"].get<std::string>());
      if (subscription["mrr"].is_number()) lost += subscription["mrr"].get<std::int64_t>();
      events.push_back(Cancellation(address, subscription));
    }
    ASSERT_EQ(chosen.size(), 10U);
    ASSERT_GT(lost, 0);
    // And one of their payments comes back.
    for (const Json& entry : before.entries) {
      if (entry["type"] != "payment" || !entry["charge"].is_string()) continue;
      events.push_back({{"id", "evt_if_refund"},
                        {"object", "event"},
                        {"created", 1'900'000'000},
                        {"type", "refund.created"},
                        {"livemode", entry["livemode"]},
                        {"data",
                         {{"object",
                           {{"id", "re_if"},
                            {"object", "refund"},
                            {"amount", 1},
                            {"currency", entry["currency"]},
                            {"charge", entry["charge"]},
                            {"status", "succeeded"}}}}}});
      break;
    }
    const Json answer = Post(address, "branches/ten-cancel/events", {{"stripe_events", events}}, 201);
    EXPECT_EQ(answer["position"], 3'000 + static_cast<int>(events.size()));
    EXPECT_EQ(answer["duplicates"], Json::array());
    process.Signal(SIGKILL);
    process.Wait();
  }
  ServeProcess process(environment);
  const std::string& address = process.address();
  const std::vector<Json> subscriptions = AllOf(address, "/api/v1/subscriptions?branch=ten-cancel");
  ASSERT_EQ(subscriptions.size(), before.subscriptions.size());
  for (std::size_t i = 0; i < subscriptions.size(); ++i) {
    if (chosen.count(subscriptions[i]["id"].get<std::string>()) == 1) {
      EXPECT_EQ(subscriptions[i]["status"], "canceled");
    } else {
      EXPECT_EQ(subscriptions[i], before.subscriptions[i]);
    }
  }
  EXPECT_EQ(MonthlyRevenue(subscriptions, "usd"), MonthlyRevenue(before.subscriptions, "usd") - lost);
  EXPECT_EQ(AllOf(address, "/api/v1/ledger/entries?branch=ten-cancel").size(), before.entries.size() + 1);
  std::int64_t refunded = 0;
  for (const Json& balance : AllOf(address, "/api/v1/ledger/balances?branch=ten-cancel"))
    refunded += balance["refunded"].get<std::int64_t>();
  for (const Json& balance : before.balances) refunded -= balance["refunded"].get<std::int64_t>();
  EXPECT_EQ(refunded, 1);

  EXPECT_EQ(FactsOf(address), before);
  http::Client client(address);
  EXPECT_EQ(client.Send("DELETE", "/api/v1/branches/ten-cancel", {}, "")->status, 204);
  EXPECT_TRUE(AllOf(address, "/api/v1/branches").empty());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  ExpectWholeLog(database());
}

}  // namespace
}  // namespace billhook::test
