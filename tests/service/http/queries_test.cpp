// The query bus over a real socket, on both engines.
#include <gtest/gtest.h>

#include "service/input_fault.h"
#include "tests/support/bodies.h"
#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

std::string Body(const std::string& type, const std::string& filters, const std::string& more = "") {
  return R"({"query_type":")" + type + R"(","filters":)" + filters + more + "}";
}

class Queries : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }
  RunningService& service() { return *service_; }
  // Once the service shows everything up to the position.
  Answer Ask(const std::string& type, const std::string& filters, std::int64_t position,
             const std::string& query = "", const std::string& more = "") {
    return service_->Post("/api/v1/queries?wait_ms=20000&min_position=" + std::to_string(position) + query,
                          Body(type, filters, more));
  }
  void Do(const std::string& type, const std::string& data) {
    const Answer answer =
        service_->Post("/api/v1/commands", R"({"command_type":")" + type + R"(","data":)" + data + "}");
    ASSERT_EQ(answer.status, 200) << answer.body;
  }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Queries, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Queries, AnswerForAnAccount) {
  Do("CreateAccount", R"({"account_id":"acc-123","owner":"John Doe","initial_balance":1000})");
  Do("DepositMoney", R"({"account_id":"acc-123","amount":500})");
  const Answer answer =
      Ask("GetAccountBalance", R"({"account_id":"acc-123"})", 2, "", R"(,"projection":"account_balance")");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Json()["query_type"], "GetAccountBalance");
  EXPECT_EQ(answer.Json()["projection"], "account_balance");
  EXPECT_EQ(answer.Json()["position"], 2);
  EXPECT_EQ(answer.Header("X-Projection-Position"), "2");
  EXPECT_EQ(answer.Json()["data"]["balance"], 1500);
  EXPECT_EQ(answer.Json()["data"]["transactions"].size(), 2U);
  EXPECT_EQ(Ask("GetAccountBalance", R"({"account_id":"none"})", 2).status, 404);
  const Answer history = Ask("GetAggregateHistory", R"({"aggregate_id":"acc-123"})", 2, "&limit=1");
  ASSERT_EQ(history.status, 200) << history.body;
  EXPECT_EQ(history.Json()["projection"], nullptr);
  EXPECT_EQ(history.Json()["position"], 2);
  EXPECT_EQ(history.Json()["data"][0]["event_type"], "AccountCreated");
  EXPECT_EQ(history.Json()["has_more"], true);
  const Answer rest =
      Ask("GetAggregateHistory", R"({"aggregate_id":"acc-123","aggregate_type":"prepaid_account"})", 2,
          "&cursor=" + history.Json()["next_cursor"].get<std::string>());
  ASSERT_EQ(rest.Json()["data"].size(), 1U);
  EXPECT_EQ(rest.Json()["data"][0]["version"], 2);
  EXPECT_EQ(Ask("GetAggregateHistory", R"({"aggregate_id":"none"})", 2).status, 404);
  const std::string body = Body("GetAggregateHistory", R"({"aggregate_id":"acc-123"})");
  EXPECT_EQ(service().Post("/api/v1/queries?wait_ms=10&min_position=3", body).Code(), "projection_behind");
}

TEST_P(Queries, AnswerForSubscriptions) {
  service().PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service().PostWebhook(SubscriptionEvent("evt_2", "sub_2", "canceled"));
  service().PostWebhook(SubscriptionEvent("evt_3", "sub_1", "active", R"("livemode":true)"));
  const Answer active =
      Ask("ListActiveSubscriptions", "{}", 3, "", R"(,"projection":"active_subscriptions")");
  ASSERT_EQ(active.status, 200) << active.body;
  EXPECT_EQ(active.Json()["data"].size(),
            service().Get("/api/v1/subscriptions?status=active").Json()["data"].size());
  EXPECT_EQ(Ask("ListActiveSubscriptions", R"({"customer":"cus_none"})", 3).Json()["data"].size(), 0U);
  const Answer one = Ask("GetSubscription", R"({"subscription_id":"sub_2"})", 3);
  ASSERT_EQ(one.status, 200) << one.body;
  EXPECT_EQ(one.Json()["data"], service().Get("/api/v1/subscriptions/sub_2").Json());
  EXPECT_EQ(Ask("GetSubscription", R"({"subscription_id":"sub_9"})", 3).status, 404);
}

TEST_P(Queries, AnswerForTheLedgerWithAllDigits) {
  const std::string most = "9223372036854775807";
  service().PostWebhook(ChargeEvent("evt_1", "ch_1", most));
  service().PostWebhook(ChargeEvent("evt_2", "ch_2", most));
  const Answer total = Ask("GetTotalPaid", R"({"currency":"usd"})", 2);
  ASSERT_EQ(total.status, 200) << total.body;
  EXPECT_NE(total.body.find(R"("total_paid":18446744073709551614})"), std::string::npos) << total.body;
  EXPECT_EQ(total.Json()["projection"], "payment_ledger");
  const Answer balances = Ask("GetLedgerBalances", "{}", 2);
  EXPECT_NE(balances.body.find(R"("gross":18446744073709551614,)"), std::string::npos) << balances.body;
  EXPECT_EQ(Ask("GetLedgerBalances", R"({"currency":"eur"})", 2).Json()["data"].size(), 0U);
  EXPECT_EQ(Ask("GetTotalPaid", R"({"customer":"cus_none"})", 2).Json()["data"].size(), 0U);
}

TEST_P(Queries, AnswerForACustomerAndForTheLog) {
  service().PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  const Answer timeline = Ask("GetCustomerTimeline", R"({"customer_id":"cus_1"})", 1);
  ASSERT_EQ(timeline.status, 200) << timeline.body;
  EXPECT_EQ(timeline.Json()["data"], service().Get("/api/v1/customers/cus_1/timeline").Json()["data"]);
  EXPECT_EQ(Ask("GetCustomerTimeline", R"({"customer_id":"cus_9"})", 1).status, 404);
  const Answer statistics = Ask("GetStatistics", "{}", 1);
  EXPECT_EQ(statistics.Json()["data"], service().Get("/api/v1/statistics").Json());
}

TEST_P(Queries, AreRefusedWithAPointerToEachFault) {
  const auto code = [&](const std::string& body, const std::string& query = "") {
    const Answer answer = service().Post("/api/v1/queries" + query, body);
    EXPECT_EQ(answer.status, 422) << body << answer.body;
    const nlohmann::json problem = answer.Json();
    return problem["code"].get<std::string>() +
           (problem.contains("errors") ? " " + problem["errors"][0]["pointer"].get<std::string>() : "");
  };
  EXPECT_EQ(code(Body("Surprise", "{}")), "query_type_unknown");
  EXPECT_EQ(code("{}"), "query_invalid /query_type");
  EXPECT_EQ(code(Body("GetAccountBalance", "{}")), "query_invalid /filters/account_id");
  EXPECT_EQ(code(R"({"query_type":"GetAccountBalance"})"), "query_invalid /filters/account_id");
  EXPECT_EQ(code(Body("GetAccountBalance", R"({"account_id":1})")), "query_invalid /filters/account_id");
  EXPECT_EQ(code(Body("GetTotalPaid", R"({"color":"red"})")), "query_invalid /filters/color");
  EXPECT_EQ(code(Body("GetTotalPaid", "[]")), "query_invalid /filters");
  EXPECT_EQ(code(Body("GetTotalPaid", "{}", R"(,"projection":"customers")")), "query_invalid /projection");
  EXPECT_EQ(code(Body("GetTotalPaid", "{}", R"(,"surprise":1)")), "query_invalid /surprise");
  EXPECT_EQ(code(Body("GetTotalPaid", "{}"), "?limit=0"), "invalid_parameter ?limit");
  EXPECT_EQ(code(Body("GetStatistics", "{}"), "?limit=5"), "invalid_parameter ?limit");
  EXPECT_EQ(service().Post("/api/v1/queries", "{").status, 400);
}

TEST_P(Queries, AreToldTheFirstOfAsManyFaultsAsABodyHasRoomFor) {
  const Answer answer = service().Post("/api/v1/queries", Body("GetStatistics", ManyMembers(70'000)));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.Code(), "query_invalid");
  const nlohmann::json errors = answer.Json()["errors"];
  ASSERT_EQ(errors.size(), kMaxInputFaults);
  EXPECT_EQ(errors[0], nlohmann::json({{"pointer", "/filters/key_0"}, {"detail", "Is not known here."}}));
}

TEST(QueryKeys, NeedAReaderAndStayWithinTheTenant) {
  RunningService service({{"API_KEYS", "r:reader:key-r,o:operator:key-o,b:reader:key-b:beta"},
                          {"STRIPE_WEBHOOK_SECRET__BETA", "whsec_beta"}});
  const std::string make = R"({"command_type":"CreateAccount","data":{"account_id":"a","owner":"Ada"}})";
  ASSERT_EQ(service.Post("/api/v1/commands", make, {{"Authorization", "Bearer key-o"}}).status, 200);
  const std::string path = "/api/v1/queries?min_position=1&wait_ms=20000";
  const std::string ask = Body("GetAccountBalance", R"({"account_id":"a"})");
  EXPECT_EQ(service.Post(path, ask).status, 401);
  EXPECT_EQ(service.Post(path, ask, {{"Authorization", "Bearer key-r"}}).status, 200);
  EXPECT_EQ(service.Post(path, ask, {{"Authorization", "Bearer key-b"}}).status, 404);
}

}  // namespace
}  // namespace billhook::test
