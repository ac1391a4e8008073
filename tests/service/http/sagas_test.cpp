// Sagas over a real socket, on both engines.
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

constexpr const char* kPath = "/api/v1/sagas";

std::string Transfer(const std::string& from, const std::string& to, int amount) {
  return R"({"saga_type":"TransferMoney","data":{"from_account":")" + from + R"(","to_account":")" + to +
         R"(","amount":)" + std::to_string(amount) + "}}";
}

class SagaRoutes : public OnEachEngine {
 protected:
  RunningService& Serve(Environment environment = {}) {
    environment["DATABASE_URL"] = database().url();
    service_ = std::make_unique<RunningService>(environment);
    return *service_;
  }
  void Open(const std::string& account, int balance, const http::Fields& headers = {}) {
    const std::string body = R"({"command_type":"CreateAccount","data":{"account_id":")" + account +
                             R"(","owner":"Ada","initial_balance":)" + std::to_string(balance) + "}}";
    ASSERT_EQ(service_->Post("/api/v1/commands", body, headers).status, 200);
  }
  // The saga once it has one of these statuses.
  nlohmann::json Await(const std::string& id, const std::string& statuses, const http::Fields& headers = {}) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      const Answer answer = service_->Get(kPath + ("/" + id), headers);
      if (answer.status == 200 &&
          statuses.find(answer.Json()["status"].get<std::string>()) != std::string::npos)
        return answer.Json();
      std::this_thread::yield();
    }
    ADD_FAILURE() << id << " does not become " << statuses;
    return {};
  }
  RunningService& service() { return *service_; }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, SagaRoutes, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         EngineName);

TEST_P(SagaRoutes, StartATransferAndFollowItStepByStep) {
  Serve();
  Open("a", 10);
  Open("b", 0);
  const Answer started = service().Post(kPath, Transfer("a", "b", 4));
  ASSERT_EQ(started.status, 202) << started.body;
  const nlohmann::json saga = started.Json();
  EXPECT_EQ(saga["status"], "running");
  EXPECT_EQ(saga["position"], 3);
  EXPECT_EQ(started.Header("X-Position"), "3");
  const nlohmann::json done = Await(saga["saga_id"], "completed");
  EXPECT_EQ(done["saga_type"], "TransferMoney");
  EXPECT_EQ(done["data"], (nlohmann::json{{"from_account", "a"}, {"to_account", "b"}, {"amount", 4}}));
  ASSERT_EQ(done["steps"].size(), 2U);
  EXPECT_EQ(done["steps"][0]["name"], "withdraw");
  EXPECT_EQ(done["steps"][0]["status"], "completed");
  EXPECT_EQ(done["steps"][0]["error"], nullptr);
  EXPECT_EQ(done["steps"][1]["name"], "deposit");
  const Answer balance =
      service().Get("/api/v1/projections/account_balance/state?key=b&wait_ms=20000&min_position=7");
  EXPECT_EQ(balance.Json()["value"]["balance"], 4) << balance.body;
  const Answer events = service().Get("/api/v1/events?caused_by=" + saga["saga_id"].get<std::string>());
  EXPECT_EQ(events.Json()["data"].size(), 5U);
}

TEST_P(SagaRoutes, TellWhichStepWasRefusedAndWhy) {
  Serve();
  Open("a", 10);
  const std::string poor = service().Post(kPath, Transfer("a", "b", 11)).Json()["saga_id"];
  const nlohmann::json failed = Await(poor, "failed");
  EXPECT_EQ(failed["steps"][0]["error"]["code"], "insufficient_funds");
  const std::string lost = service().Post(kPath, Transfer("a", "b", 10)).Json()["saga_id"];
  const nlohmann::json compensated = Await(lost, "compensated");
  ASSERT_EQ(compensated["steps"].size(), 3U);
  EXPECT_EQ(compensated["steps"][1]["status"], "failed");
  EXPECT_EQ(compensated["steps"][1]["error"]["code"], "account_not_found");
  EXPECT_EQ(compensated["steps"][2]["name"], "refund");
  const Answer balance =
      service().Get("/api/v1/projections/account_balance/state?key=a&wait_ms=20000&min_position=8");
  EXPECT_EQ(balance.Json()["value"]["balance"], 10) << balance.body;
  EXPECT_EQ(balance.Json()["value"]["transactions"][2]["type"], "refund");
}

TEST_P(SagaRoutes, StartOneSagaForAnIdempotencyKey) {
  Serve();
  Open("a", 10);
  Open("b", 0);
  const http::Fields key = {{"Idempotency-Key", "k1"}};
  const Answer first = service().Post(kPath, Transfer("a", "b", 4), key);
  ASSERT_EQ(first.status, 202) << first.body;
  Await(first.Json()["saga_id"], "completed");
  const Answer again = service().Post(kPath, Transfer("a", "b", 4), key);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.Json()["saga_id"], first.Json()["saga_id"]);
  EXPECT_EQ(again.Json()["status"], "completed");
  const Answer other = service().Post(kPath, Transfer("a", "b", 5), key);
  EXPECT_EQ(other.status, 409);
  EXPECT_EQ(other.Code(), "idempotency_key_reused");
  EXPECT_NE(service().Post(kPath, Transfer("a", "b", 4)).Json()["saga_id"], first.Json()["saga_id"]);
}

TEST_P(SagaRoutes, RefuseWhatTheyDoNotKnow) {
  Serve();
  const auto code = [&](const std::string& body) {
    const Answer answer = service().Post(kPath, body);
    EXPECT_EQ(answer.status, 422) << answer.body;
    std::string text = answer.Code();
    for (const nlohmann::json& error : answer.Json().value("errors", nlohmann::json::array()))
      text += " " + error["pointer"].get<std::string>();
    return text;
  };
  EXPECT_EQ(code(R"({"saga_type":"Bake","data":{}})"), "saga_type_unknown");
  EXPECT_EQ(code(R"({"saga_type":"Dunning","data":{}})"), "saga_starts_by_itself");
  EXPECT_EQ(code(R"({"data":{},"more":1})"), "saga_invalid /more /saga_type");
  EXPECT_EQ(code(R"({"saga_type":"TransferMoney","data":{"from_account":"a","to_account":"b"}})"),
            "saga_invalid /data/amount");
  EXPECT_EQ(code(R"({"saga_type":"TransferMoney","data":{"from_account":"a","to_account":"b","amount":0}})"),
            "saga_invalid /data/amount");
  EXPECT_EQ(code(Transfer("a", "a", 1)), "saga_invalid /data/to_account");
  EXPECT_EQ(service().Get(kPath + std::string("/none")).status, 404);
  EXPECT_EQ(service().Get(kPath + std::string("?colour=red")).status, 422);
  EXPECT_EQ(service().Get(kPath + std::string("?status=asleep")).status, 422);
  EXPECT_EQ(service().Get(kPath + std::string("?saga_type=Bake")).status, 422);
  EXPECT_EQ(service().Get(kPath + std::string("/none?min_position=99")).Code(), "projection_behind");
}

TEST_P(SagaRoutes, ListThemByTypeAndStatusPageByPage) {
  Serve();
  Open("a", 10);
  Open("b", 0);
  std::int64_t position = 0;
  for (int amount : {1, 2, 100}) {
    const std::string id = service().Post(kPath, Transfer("a", "b", amount)).Json()["saga_id"];
    Await(id, "completed failed");
  }
  position = service().Get("/api/v1/statistics").Json()["latest_position"];
  const auto list = [&](const std::string& filter) {
    const Answer answer =
        service().Get(kPath + ("?wait_ms=20000&min_position=" + std::to_string(position)) + filter);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_NE(answer.Header("X-Projection-Position"), "");
    return answer.Json();
  };
  EXPECT_EQ(list("")["data"].size(), 3U);
  EXPECT_EQ(list("&status=failed")["data"].size(), 1U);
  EXPECT_EQ(list("&status=completed&saga_type=TransferMoney")["data"].size(), 2U);
  EXPECT_EQ(list("&saga_type=Dunning")["data"].size(), 0U);
  const nlohmann::json first = list("&limit=2");
  EXPECT_TRUE(first["has_more"]);
  EXPECT_EQ(list("&limit=2&cursor=" + first["next_cursor"].get<std::string>())["data"].size(), 1U);
}

TEST_P(SagaRoutes, AreForOperatorsAndKeepTenantsApart) {
  Serve({{"API_KEYS", "r:reader:kr,o:operator:ko,x:operator:kx:other"},
         {"STRIPE_WEBHOOK_SECRET__OTHER", "whsec_other"}});
  const auto bearer = [](const std::string& key) { return http::Fields{{"Authorization", "Bearer " + key}}; };
  EXPECT_EQ(service().Post(kPath, Transfer("a", "b", 1), bearer("kr")).status, 403);
  EXPECT_EQ(service().Get(kPath, bearer("kr")).status, 403);
  Open("a", 10, bearer("ko"));
  const Answer foreign = service().Post(kPath, Transfer("a", "b", 1), bearer("kx"));
  const std::string id = foreign.Json()["saga_id"];
  const nlohmann::json saga = Await(id, "failed", bearer("kx"));
  EXPECT_EQ(saga["steps"][0]["error"]["code"], "account_not_found");
  EXPECT_EQ(service().Get(kPath + ("/" + id), bearer("ko")).status, 404);
  EXPECT_EQ(
      service().Get(kPath + std::string("?wait_ms=20000&min_position=2"), bearer("ko")).Json()["data"].size(),
      0U);
}

TEST_P(SagaRoutes, ShowTheDunningOfASubscriptionsInvoice) {
  Serve({{"DUNNING_GRACE_SECONDS", "1000"}});
  const std::int64_t now_s = SystemClock() / kMicrosPerSecond;
  const auto failed = [&](const std::string& invoice, std::int64_t age_s) {
    const Json parent = {{"type", "subscription_details"},
                         {"subscription_details", {{"subscription", "sub_1"}}}};
    StripeEvent event;
    event.id = "evt_" + invoice;
    event.type = "invoice.payment_failed";
    event.object = With(Invoice(invoice, "open"), {{"parent", parent}});
    event.created_s = now_s - age_s;
    ASSERT_EQ(service().PostWebhook(BodyOf(event)).status, 200);
  };
  failed("in_old", 2'000);
  failed("in_1", 500);
  nlohmann::json list;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    list = service().Get(kPath + std::string("?saga_type=Dunning")).Json()["data"];
  } while (list.empty() && std::chrono::steady_clock::now() < deadline);
  ASSERT_EQ(list.size(), 1U) << "an old failure starts none";
  EXPECT_EQ(list[0]["status"], "waiting");
  EXPECT_EQ(list[0]["data"]["invoice"], "in_1");
  EXPECT_EQ(list[0]["due_at"], FormatRfc3339((now_s + 500) * kMicrosPerSecond));
}

}  // namespace
}  // namespace billhook::test
