// Commands over a real socket, on both engines.
#include <gtest/gtest.h>

#include "service/input_fault.h"
#include "tests/support/bodies.h"
#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

constexpr const char* kPath = "/api/v1/commands";

std::string Body(const std::string& type, const std::string& data, const std::string& more = "") {
  return R"({"command_type":")" + type + R"(","data":)" + data + more + "}";
}

std::string Await(const Answer& answer) {
  return "min_position=" + answer.Header("X-Position") + "&wait_ms=20000";
}

class Commands : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }
  RunningService& service() { return *service_; }
  Answer Do(const std::string& type, const std::string& data, const http::Fields& headers = {}) {
    return service_->Post(kPath, Body(type, data), headers);
  }
  void Restart() {
    service_.reset();
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Commands, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Commands, MoveAnAccountAndShowItsBalance) {
  const Answer made = service().Post(
      kPath, Body("CreateAccount", R"({"account_id":"acc-123","owner":"John Doe","initial_balance":1000})",
                  R"(,"aggregate_id":"acc-123","metadata":{"channel":"test"})"));
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.Json()["status"], "ok");
  EXPECT_EQ(made.Json()["position"], 1);
  EXPECT_EQ(made.Json()["result"]["version"], 1);
  const nlohmann::json event = made.Json()["events"][0];
  EXPECT_EQ(event["event_type"], "AccountCreated");
  EXPECT_EQ(event["source"], "command");
  EXPECT_EQ(event["caused_by"], made.Json()["command_id"]);
  EXPECT_EQ(event["metadata"]["channel"], "test");
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"acc-123","amount":500})").status, 200);
  const Answer withdrawn =
      service().Post(kPath, Body("WithdrawMoney", R"({"amount":200})", R"(,"aggregate_id":"acc-123")"));
  ASSERT_EQ(withdrawn.status, 200) << withdrawn.body;
  const Answer state =
      service().Get("/api/v1/projections/account_balance/state?key=acc-123&" + Await(withdrawn));
  ASSERT_EQ(state.status, 200) << state.body;
  const nlohmann::json value = state.Json()["value"];
  EXPECT_EQ(value["owner"], "John Doe");
  EXPECT_EQ(value["currency"], "usd");
  EXPECT_EQ(value["balance"], 1300);
  ASSERT_EQ(value["transactions"].size(), 3U);
  EXPECT_EQ(value["transactions"][2]["type"], "withdrawal");
  EXPECT_EQ(value["transactions"][2]["amount"], 200);
  EXPECT_EQ(value["transactions"][2]["balance"], 1300);
}

// The audit log keeps what the caller was told, and no more.
TEST_P(Commands, AreToldTheFirstOfAsManyFaultsAsABodyHasRoomFor) {
  const Answer answer = Do("DepositMoney", ManyMembers(70'000));
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.Code(), "command_invalid");
  const nlohmann::json errors = answer.Json()["errors"];
  ASSERT_EQ(errors.size(), kMaxInputFaults);
  EXPECT_EQ(errors[0], nlohmann::json({{"pointer", "/data/account_id"}, {"detail", "Is needed."}}));
  EXPECT_EQ(errors[2], nlohmann::json({{"pointer", "/data/key_0"}, {"detail", "Is not known here."}}));
  const std::string id = answer.Json()["command_id"];
  EXPECT_EQ(service().Get(std::string(kPath) + "/" + id).Json()["error"]["errors"], errors);
}

TEST_P(Commands, AreRefusedAsTheStateDemands) {
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"a","amount":1})").status, 404);
  ASSERT_EQ(Do("CreateAccount", R"({"account_id":"a","owner":"Ada"})").status, 200);
  const Answer twice = Do("CreateAccount", R"({"account_id":"a","owner":"Ada"})");
  EXPECT_EQ(twice.status, 409);
  EXPECT_EQ(twice.Code(), "already_exists");
  EXPECT_TRUE(twice.Json().contains("command_id"));
  EXPECT_TRUE(twice.Json().contains("request_id"));
  EXPECT_EQ(Do("WithdrawMoney", R"({"account_id":"a","amount":1})").Code(), "insufficient_funds");
  EXPECT_EQ(Do("CloseAccount", R"({"account_id":"a"})").status, 200);
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"a","amount":1})").Code(), "account_closed");
  EXPECT_EQ(
      service().Post(kPath, Body("CloseAccount", R"({"account_id":"a"})", R"(,"expected_version":1)")).Code(),
      "version_conflict");
}

TEST_P(Commands, AreRefusedWithAPointerToEachFault) {
  const auto pointers = [&](const std::string& body) {
    const Answer answer = service().Post(kPath, body);
    EXPECT_EQ(answer.status, 422) << body << answer.body;
    std::string all;
    const nlohmann::json problem = answer.Json();
    if (problem.contains("errors")) {
      for (const nlohmann::json& error : problem["errors"]) all += error["pointer"].get<std::string>() + " ";
    }
    return problem["code"].get<std::string>() + " " + all;
  };
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a"})")), "command_invalid /data/amount ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a","amount":0})")),
            "command_invalid /data/amount ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a","amount":1.0})")),
            "command_invalid /data/amount ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a","amount":"1"})")),
            "command_invalid /data/amount ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a","amount":1,"x/y":1})")),
            "command_invalid /data/x~1y ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a","amount":1})", R"(,"aggregate_id":"b")")),
            "command_invalid /aggregate_id ");
  EXPECT_EQ(pointers(Body("DepositMoney", R"({"account_id":"a\u0007","amount":1})")),
            "command_invalid /data/account_id ");
  EXPECT_EQ(pointers(Body("CreateAccount", R"({"account_id":"a","owner":"A","currency":"us"})")),
            "command_invalid /data/currency ");
  EXPECT_EQ(
      pointers(Body("AdjustLedger", R"({"adjustment_id":"a","amount":0,"currency":"usd","reason":"x"})")),
      "command_invalid /data/amount ");
  EXPECT_EQ(pointers(Body("RecordManualPayment",
                          R"({"payment_id":"a","amount":1,"currency":"usd","occurred_at":"now"})")),
            "command_invalid /data/occurred_at ");
  EXPECT_EQ(pointers(Body("Surprise", "{}")), "command_type_unknown ");
  EXPECT_EQ(pointers(Body("DepositMoney", "{}", R"(,"surprise":1)")), "command_invalid /surprise ");
  EXPECT_EQ(pointers(R"({"command_type":"DepositMoney"})"), "command_invalid /data ");
  EXPECT_EQ(pointers(Body("RebuildProjection", R"({"projection":"customers"})", R"(,"expected_version":1)")),
            "command_invalid /expected_version ");
  EXPECT_EQ(service().Post(kPath, "{").status, 400);
  EXPECT_EQ(service().Get("/api/v1/statistics").Json()["total_events"], 0);
}

TEST_P(Commands, AnswerTheSameAgainForTheSameKeyAlsoAfterARestart) {
  ASSERT_EQ(Do("CreateAccount", R"({"account_id":"a","owner":"Ada"})").status, 200);
  const http::Fields key = {{"Idempotency-Key", "order-1"}};
  const http::Fields other = {{"Idempotency-Key", "order-2"}};
  const Answer first = Do("DepositMoney", R"({"account_id":"a","amount":5})", key);
  const Answer refused = Do("WithdrawMoney", R"({"account_id":"a","amount":9})", other);
  ASSERT_EQ(first.status, 200);
  ASSERT_EQ(refused.status, 409);
  EXPECT_EQ(Do("DepositMoney", R"({ "amount":5, "account_id":"a"})", key).body, first.body)
      << "blanks and order";
  Restart();
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"a","amount":5})", key).body, first.body);
  EXPECT_EQ(Do("WithdrawMoney", R"({"account_id":"a","amount":9})", other).Json()["command_id"],
            refused.Json()["command_id"]);
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"a","amount":6})", key).Code(), "idempotency_key_reused");
  EXPECT_EQ(Do("DepositMoney", R"({"account_id":"a","amount":5})", {{"Idempotency-Key", ""}}).status, 422);
  EXPECT_EQ(service().Get("/api/v1/events/a").Json()["data"].size(), 2U);
}

TEST_P(Commands, BookByHandInTheLedger) {
  service().PostWebhook(
      R"({"id":"evt_1","type":"customer.created","created":1,"livemode":true,"data":{"object":{)"
      R"("id":"cus_1","object":"customer","created":1,"livemode":true}}})");
  const std::string payment =
      R"({"payment_id":"p_1","amount":500,"currency":"USD","customer":"cus_1","occurred_at":"2026-01-02T00:00:00Z"})";
  ASSERT_EQ(Do("RecordManualPayment", payment).status, 200);
  EXPECT_EQ(Do("RecordManualPayment", payment).Code(), "already_exists");
  const Answer last =
      Do("AdjustLedger",
         R"({"adjustment_id":"a_1","amount":-20,"currency":"usd","reason":"fee","customer":"cus_1"})");
  ASSERT_EQ(last.status, 200);
  const std::string await = Await(last);
  const nlohmann::json entries = service().Get("/api/v1/ledger/entries?" + await).Json()["data"];
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0]["id"], "adjustment:a_1");
  EXPECT_EQ(entries[0]["postings"][0]["ledger_account"], "adjustments");
  EXPECT_EQ(entries[0]["postings"][0]["amount"], -20);
  EXPECT_EQ(entries[1]["id"], "manual_payment:p_1");
  EXPECT_EQ(entries[1]["occurred_at"], "2026-01-02T00:00:00Z");
  EXPECT_EQ(entries[1]["postings"][0]["ledger_account"], "external");
  const nlohmann::json balance = service().Get("/api/v1/ledger/balances").Json()["data"][0];
  EXPECT_EQ(balance["gross"], 500);
  EXPECT_EQ(balance["adjusted"], -20);
  EXPECT_EQ(balance["net"], 480);
  EXPECT_EQ(balance["accounts"]["payments"], -480);
  EXPECT_EQ(balance["accounts"]["external"], 500);
  const nlohmann::json past =
      service().Get("/api/v1/ledger/balances?as_of=2026-01-03T00:00:00Z").Json()["data"];
  ASSERT_EQ(past.size(), 1U);
  EXPECT_EQ(past[0]["net"], 500) << "the adjustment came later";
  EXPECT_EQ(service()
                .Get("/api/v1/ledger/balances?as_of=2026-01-03T00:00:00Z&time_axis=recorded")
                .Json()["data"]
                .size(),
            0U)
      << "neither was known yet";
  const nlohmann::json customer = service().Get("/api/v1/customers/cus_1?" + await).Json();
  EXPECT_EQ(customer["lifetime_value"]["usd"], 480) << customer;
}

TEST_P(Commands, BookNothingForAWebhookOfTheirEventsNames) {
  ASSERT_EQ(Do("CreateAccount", R"({"account_id":"a","owner":"Ada"})").status, 200);
  const auto forged = [](const std::string& id, const std::string& type, const std::string& object) {
    return R"({"id":")" + id + R"(","type":")" + type +
           R"(","created":1,"account_id":"a","amount":5,"payment_id":"p",)"
           R"("currency":"usd","data":{"object":)" +
           object + "}}";
  };
  service().PostWebhook(forged("evt_1", "MoneyDeposited", R"({"object":"prepaid_account","id":"a"})"));
  service().PostWebhook(forged("evt_2", "ManualPaymentRecorded", R"({"object":"ledger","id":"p"})"));
  const Answer last = Do("DepositMoney", R"({"account_id":"a","amount":1})");
  ASSERT_EQ(last.status, 200) << last.body;
  EXPECT_EQ(last.Json()["result"]["version"], 3);
  const nlohmann::json state =
      service().Get("/api/v1/projections/account_balance/state?key=a&" + Await(last)).Json();
  EXPECT_EQ(state["value"]["balance"], 1);
  EXPECT_EQ(service().Get("/api/v1/ledger/entries?" + Await(last)).Json()["data"].size(), 0U);
  EXPECT_EQ(service().Get("/api/v1/dead-letters?projection=account_balance").Json()["data"].size(), 0U);
}

TEST_P(Commands, StandInTheAuditLogTheNewestFirst) {
  const Answer made = Do("CreateAccount", R"({"account_id":"a","owner":"Ada"})");
  const Answer refused = Do("WithdrawMoney", R"({"account_id":"a","amount":9})");
  const Answer unknown = Do("Surprise", "{}");
  const nlohmann::json all = service().Get(std::string(kPath)).Json()["data"];
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0]["command_id"], unknown.Json()["command_id"]);
  EXPECT_EQ(all[1]["status"], "error");
  EXPECT_EQ(all[1]["error"]["code"], "insufficient_funds");
  EXPECT_EQ(all[1]["result"], nullptr);
  const Answer one = service().Get(std::string(kPath) + "/" + made.Json()["command_id"].get<std::string>());
  ASSERT_EQ(one.status, 200);
  EXPECT_EQ(one.Json(), all[2]);
  EXPECT_EQ(one.Json()["command_type"], "CreateAccount");
  EXPECT_EQ(one.Json()["aggregate_id"], "a");
  EXPECT_EQ(one.Json()["status"], "ok");
  EXPECT_EQ(one.Json()["issued_by"], "anonymous");
  EXPECT_EQ(one.Json()["data"]["owner"], "Ada");
  EXPECT_EQ(one.Json()["events"], made.Json()["events"]);
  EXPECT_TRUE(one.Json()["duration_ms"].is_number());
  EXPECT_EQ(service().Get(std::string(kPath) + "?status=ok").Json()["data"].size(), 1U);
  EXPECT_EQ(service().Get(std::string(kPath) + "?status=done").status, 422);
  EXPECT_EQ(service().Get(std::string(kPath) + "/none").status, 404);
  const nlohmann::json page = service().Get(std::string(kPath) + "?limit=2").Json();
  EXPECT_EQ(page["has_more"], true);
  const nlohmann::json rest =
      service().Get(std::string(kPath) + "?limit=2&cursor=" + page["next_cursor"].get<std::string>()).Json();
  ASSERT_EQ(rest["data"].size(), 1U);
  EXPECT_EQ(rest["data"][0], all[2]);
}

TEST_P(Commands, OperateOnProjections) {
  service().PostWebhook(
      R"({"id":"evt_1","type":"charge.succeeded","created":1,"data":{"object":{"object":"charge","id":1}}})");
  EXPECT_EQ(service().Get("/api/v1/ledger/entries?min_position=1&wait_ms=20000").status, 200);
  const Answer retried = Do("RetryDeadLetter", R"({"dead_letter_id":"payment_ledger:1"})");
  ASSERT_EQ(retried.status, 200) << retried.body;
  EXPECT_EQ(retried.Json()["result"]["applied"], false);
  EXPECT_EQ(retried.Json()["position"], 1);
  EXPECT_EQ(Do("RetryDeadLetter", R"({"dead_letter_id":"payment_ledger:9"})").status, 404);
  EXPECT_EQ(Do("RebuildProjection", R"({"projection":"customers"})").status, 200);
  EXPECT_EQ(Do("RebuildProjection", R"({"projection":"none"})").status, 404);
  EXPECT_EQ(Do("CreateAccount", R"({"account_id":"acc_snap","owner":"Ada"})").status, 200);
  const nlohmann::json taken = Do("TakeSnapshot", R"({"aggregate_id":"acc_snap"})").Json();
  EXPECT_EQ(
      taken["result"],
      (nlohmann::json{{"aggregate_type", "prepaid_account"}, {"aggregate_id", "acc_snap"}, {"version", 1}}));
  EXPECT_EQ(Do("TakeSnapshot", R"({"aggregate_id":"none"})").status, 404);
}

TEST(CommandKeys, NeedAnOperatorAndCountWithinTheTenantAlone) {
  RunningService service({{"API_KEYS", "r:reader:key-r,o:operator:key-o,b:operator:key-b:beta"},
                          {"STRIPE_WEBHOOK_SECRET__BETA", "whsec_beta"}});
  const std::string body = Body("CreateAccount", R"({"account_id":"a","owner":"Ada"})");
  EXPECT_EQ(service.Post(kPath, body, {{"Authorization", "Bearer key-r"}}).status, 403);
  const http::Fields one = {{"Authorization", "Bearer key-o"}, {"Idempotency-Key", "k"}};
  const http::Fields two = {{"Authorization", "Bearer key-b"}, {"Idempotency-Key", "k"}};
  const Answer made = service.Post(kPath, body, one);
  ASSERT_EQ(made.status, 200);
  EXPECT_EQ(service.Post(kPath, body, two).status, 200) << "another tenant's account and key";
  const std::string path = std::string(kPath) + "/" + made.Json()["command_id"].get<std::string>();
  EXPECT_EQ(service.Get(path, {{"Authorization", "Bearer key-b"}}).status, 404);
  EXPECT_EQ(service.Get(path, {{"Authorization", "Bearer key-o"}}).Json()["issued_by"], "o");
  EXPECT_NE(
      service.Get("/metrics").body.find(R"(billhook_commands_total{status="ok",type="CreateAccount"} 2)"),
      std::string::npos);
}

}  // namespace
}  // namespace billhook::test
