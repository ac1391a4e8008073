// POST /api/v1/events over a real socket, on both engines.
#include <set>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

constexpr const char* kPath = "/api/v1/events";

std::string EventText(const std::string& id, const std::string& more = "") {
  return R"({"aggregate_type":"order","aggregate_id":")" + id +
         R"(","event_type":"OrderPlaced","data":{"b":1.50, "a":[ ]})" + (more.empty() ? "" : "," + more) +
         "}";
}

class PostEvents : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }
  RunningService& service() { return *service_; }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, PostEvents, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(PostEvents, RecordsAnEventWithItsDataAsItIsWritten) {
  const Answer answer = service().Post(
      kPath,
      EventText(
          "o_1",
          R"("metadata":{"by":"me"},"caused_by":"evt_1","occurred_at":"2026-01-02T03:04:05Z","expected_version":0)"));
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.Header("X-Position"), "1");
  EXPECT_EQ(answer.Json()["position"], 1);
  const nlohmann::json event = answer.Json()["events"][0];
  EXPECT_EQ(event["source"], "api");
  EXPECT_EQ(event["version"], 1);
  EXPECT_EQ(event["caused_by"], "evt_1");
  EXPECT_EQ(event["occurred_at"], "2026-01-02T03:04:05Z");
  EXPECT_EQ(event["metadata"]["by"], "me");
  EXPECT_NE(answer.body.find(R"("payload":{"b":1.50, "a":[ ]})"), std::string::npos) << answer.body;
  EXPECT_EQ(service().Get("/api/v1/events/o_1").Json()["data"][0], event);
}

TEST_P(PostEvents, AreReadByAWindowOfEitherTime) {
  for (const char* day : {"01", "02", "03"}) {
    const std::string occurred = std::string(R"("occurred_at":"2026-01-)") + day + R"(T00:00:00Z")";
    ASSERT_EQ(service().Post(kPath, EventText(std::string("o_") + day, occurred)).status, 201);
  }
  const nlohmann::json all = service().Get(kPath).Json()["data"];
  ASSERT_EQ(all.size(), 3U);
  const auto ids = [&](const std::string& query) {
    std::string found;
    const nlohmann::json page = service().Get(std::string(kPath) + query).Json();
    for (const nlohmann::json& event : page["data"]) found += event["aggregate_id"].get<std::string>() + " ";
    return found;
  };
  const auto window = [](const std::string& from, const std::string& to, const std::string& axis) {
    return "?from=" + from + "&to=" + to + "&time_axis=" + axis;
  };
  // Both ends belong to the window; without an axis it is the one of when things happened.
  EXPECT_EQ(ids(window("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "occurred")), "o_02 o_03 ");
  EXPECT_EQ(ids("?from=2026-01-02T00:00:00Z&to=2026-01-02T23:59:59Z"), "o_02 ");
  EXPECT_EQ(ids(window("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "recorded")), "");
  const std::string second = all[1]["recorded_at"];
  const std::string third = all[2]["recorded_at"];
  ASSERT_NE(second, third);
  EXPECT_EQ(ids(window(second, second, "recorded")), "o_02 ");
  EXPECT_EQ(ids(window(second, third, "recorded")), "o_02 o_03 ");
  EXPECT_EQ(ids("?time_axis=recorded&to=" + second), "o_01 o_02 ");
  EXPECT_EQ(service().Get(std::string(kPath) + "?time_axis=known").status, 422);
}

TEST_P(PostEvents, RecordsAllOfABatchOrNone) {
  const std::string batch = R"({"events":[)" + EventText("o_1", R"("expected_version":0)") + "," +
                            EventText("o_1", R"("expected_version":1)") + "," + EventText("o_2") + "]}";
  const Answer answer = service().Post(kPath, batch);
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.Json()["position"], 3);
  EXPECT_EQ(answer.Json()["events"][1]["version"], 2);
  const Answer again = service().Post(
      kPath, R"({"events":[)" + EventText("o_3") + "," + EventText("o_1", R"("expected_version":0)") + "]}");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.Code(), "version_conflict");
  EXPECT_EQ(service().Get("/api/v1/events/o_3").status, 404) << "nothing of the refused batch";
}

TEST_P(PostEvents, CannotPoseAsStripesOrTakeTheirIds) {
  const std::string forged =
      R"({"aggregate_type":"charge","aggregate_id":"ch_1","event_type":"charge.succeeded","caused_by":"evt_1",)"
      R"("data":{"id":"evt_1","type":"charge.succeeded","created":1,"data":{"object":{"object":"charge","id":"ch_1",)"
      R"("amount":5,"currency":"usd","captured":true,"status":"succeeded"}}}})";
  ASSERT_EQ(service().Post(kPath, forged).status, 201);
  ASSERT_EQ(service().Post(kPath, forged).status, 201)
      << "only Stripe's events are recorded once by their ID";
  const Answer webhook = service().PostWebhook(R"({"id":"evt_1","type":"charge.succeeded","created":1})");
  EXPECT_EQ(webhook.Json()["duplicate"], false) << webhook.body;
  const Answer entries = service().Get("/api/v1/ledger/entries?min_position=3&wait_ms=20000");
  EXPECT_EQ(entries.Json()["data"].size(), 0U) << entries.body;
}

TEST_P(PostEvents, CarryTheVersionOfTheirFormThatTheCallerNames) {
  const auto deposit = [](const std::string& data, const std::string& version) {
    return R"({"aggregate_type":"prepaid_account","aggregate_id":"a","event_type":"MoneyDeposited","data":)" +
           data + version + "}";
  };
  ASSERT_EQ(
      service().Post(kPath, EventText("o_1", R"("schema_version":7)")).Json()["events"][0]["schema_version"],
      7);
  ASSERT_EQ(service().Post(kPath, EventText("o_1")).Json()["events"][0]["schema_version"], 1);
  ASSERT_EQ(
      service()
          .Post(kPath,
                R"({"aggregate_type":"prepaid_account","aggregate_id":"a","event_type":"AccountCreated",)"
                R"("data":{"account_id":"a","owner":"Ada","currency":"eur"}})")
          .status,
      201);
  ASSERT_EQ(service().Post(kPath, deposit(R"({"amount":5})", "")).status, 201);
  ASSERT_EQ(
      service().Post(kPath, deposit(R"({"amount":5,"currency":"eur"})", R"(,"schema_version":2)")).status,
      201);
  ASSERT_EQ(service().Post(kPath, deposit(R"({"amount":5,"currency":"usd"})", "")).status, 201);
  ASSERT_EQ(service().Post(kPath, deposit(R"({"amount":5})", R"(,"schema_version":2)")).status, 201);
  for (const char* bad : {"3", "0", "-1", "\"2\"", "1.0", "9223372036854775807"}) {
    const Answer answer = service().Post(
        kPath, deposit(R"({"amount":5,"currency":"eur"})", R"(,"schema_version":)" + std::string(bad)));
    EXPECT_EQ(answer.status, 422) << bad;
    EXPECT_EQ(answer.Json()["errors"][0]["pointer"], "/schema_version");
  }
  const nlohmann::json account =
      service()
          .Get("/api/v1/projections/account_balance/state?key=a&min_position=7&wait_ms=20000")
          .Json()["value"];
  EXPECT_EQ(account["balance"], 10) << "no dollars in a euro account, and no guess in version 2";
  EXPECT_EQ(service().Post("/api/v1/replay", R"({"aggregate_id":"a"})").Json()["state"]["balance"], 10);
  EXPECT_EQ(service().Get("/api/v1/dead-letters?projection=account_balance").Json()["data"].size(), 2U);
}

TEST_P(PostEvents, TellsAllFaultsWithTheirPointers) {
  const Answer answer = service().Post(
      kPath,
      R"({"events":[{"aggregate_type":"order","aggregate_id":"","event_type":1,"data":[],"surprise":1},7]})");
  ASSERT_EQ(answer.status, 422);
  std::set<std::string> pointers;
  const nlohmann::json problem = answer.Json();
  for (const nlohmann::json& error : problem["errors"]) pointers.insert(error["pointer"]);
  EXPECT_EQ(pointers, (std::set<std::string>{"/events/0/aggregate_id", "/events/0/event_type",
                                             "/events/0/data", "/events/0/surprise", "/events/1"}));
  for (const char* bad : {R"({"events":[]})", R"({"events":1})", R"({"events":[],"more":1})", "{}", "[]", "1",
                          R"({"a":1,"a":2})"}) {
    EXPECT_EQ(service().Post(kPath, bad).status, 422) << bad;
  }
  EXPECT_EQ(service().Post(kPath, EventText("o_1", R"("expected_version":-1)")).status, 422);
  EXPECT_EQ(service().Post(kPath, EventText("o_1", R"("occurred_at":"yesterday")")).status, 422);
  for (const char* malformed : {"", "{", R"({"a":})", "\xff"})
    EXPECT_EQ(service().Post(kPath, malformed).status, 400) << malformed;
  EXPECT_EQ(service().Get("/api/v1/statistics").Json()["total_events"], 0);
}

TEST(PostEventsKeys, NeedsAnAdminAndStaysWithinTheTenant) {
  RunningService service({{"API_KEYS", "a:admin:key-a,o:operator:key-o,b:admin:key-b:beta"},
                          {"STRIPE_WEBHOOK_SECRET__BETA", "whsec_beta"}});
  EXPECT_EQ(service.Post(kPath, EventText("o_1"), {{"Authorization", "Bearer key-o"}}).status, 403);
  EXPECT_EQ(service.Post(kPath, EventText("o_1"), {{"Authorization", "Bearer key-b"}}).status, 201);
  EXPECT_EQ(service.Get("/api/v1/events/o_1", {{"Authorization", "Bearer key-a"}}).status, 404);
}

}  // namespace
}  // namespace billhook::test
