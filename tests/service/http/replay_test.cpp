// POST /api/v1/replay and /api/v1/temporal-query over a real socket, on both engines.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

class Replay : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(
        Environment{{"DATABASE_URL", database().url()},
                    {"API_KEYS", "a:admin:admin-key,r:reader:reader-key,o:operator:operator-key"}});
  }
  RunningService& service() { return *service_; }

  Answer Send(const std::string& path, const json& body, const std::string& key = "reader-key") {
    return service().Post("/api/v1/" + path, body.dump(), {{"Authorization", "Bearer " + key}});
  }
  Answer Replayed(const json& body) { return Send("replay", body); }
  Answer Temporal(const json& body) { return Send("temporal-query", body); }

  void Post(const std::string& type, const std::string& id, const std::string& event_type, const json& data,
            const std::string& occurred_at = "2026-01-01T00:00:00Z") {
    const Answer answer = Send("events",
                               {{"aggregate_type", type},
                                {"aggregate_id", id},
                                {"event_type", event_type},
                                {"data", data},
                                {"occurred_at", occurred_at}},
                               "admin-key");
    ASSERT_EQ(answer.status, 201) << answer.body;
  }
  void Deliver(const StripeEvent& event) { ASSERT_EQ(service().PostWebhook(BodyOf(event)).status, 200); }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Replay, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Replay, MergesTheDataOfAnAggregateWithoutRulesInOrder) {
  Post("order", "o_1", "OrderPlaced", {{"total", 100}, {"lines", {{"a", 1}}}});
  Post("order", "o_1", "OrderChanged", {{"total", 150}, {"note", nullptr}});
  Post("order", "o_1", "OrderChanged", {{"lines", {{"b", 2}}}});
  const Answer answer = Replayed({{"aggregate_id", "o_1"}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Json(), json({{"aggregate_type", "order"},
                                 {"aggregate_id", "o_1"},
                                 {"version", 3},
                                 {"state", {{"total", 150}, {"note", nullptr}, {"lines", {{"b", 2}}}}},
                                 {"snapshot_version", nullptr},
                                 {"events_replayed", 3}}));
  const json at_two = Replayed({{"aggregate_id", "o_1"}, {"to_version", 2}}).Json();
  EXPECT_EQ(at_two["version"], 2);
  EXPECT_EQ(at_two["state"]["lines"], json({{"a", 1}}));
  const json from_two = Replayed({{"aggregate_id", "o_1"}, {"from_sequence", 2}, {"to_version", 2}}).Json();
  EXPECT_EQ(from_two["state"], json({{"total", 150}, {"note", nullptr}}));
  EXPECT_EQ(from_two["events_replayed"], 1);
  EXPECT_EQ(Replayed({{"aggregate_id", "o_1"}, {"from_sequence", 0}}).Json(), answer.Json());
  const json none = Replayed({{"aggregate_id", "o_1"}, {"to_version", 0}}).Json();
  EXPECT_EQ(none["state"], nullptr);
  EXPECT_EQ(none["version"], 0);
}

TEST_P(Replay, LetsOurOwnAggregatesEvolveByTheirRules) {
  Post("prepaid_account", "acc_1", "AccountCreated",
       {{"account_id", "acc_1"}, {"owner", "jo"}, {"currency", "usd"}, {"initial_balance", 100}},
       "2026-01-01T00:00:00Z");
  Post("prepaid_account", "acc_1", "MoneyDeposited", {{"account_id", "acc_1"}, {"amount", 50}},
       "2026-01-02T00:00:00Z");
  Post("prepaid_account", "acc_1", "MoneyWithdrawn", {{"account_id", "acc_1"}, {"amount", 30}},
       "2026-01-03T00:00:00Z");
  EXPECT_EQ(Replayed({{"aggregate_id", "acc_1"}}).Json()["state"]["balance"], 120);
  const json until = {{"aggregate_id", "acc_1"}, {"as_of", "2026-01-02T00:00:00Z"}};
  EXPECT_EQ(Replayed(until).Json()["state"]["balance"], 150);
  const json before = {{"aggregate_id", "acc_1"}, {"as_of", "2026-01-01T23:59:59.999999Z"}};
  EXPECT_EQ(Replayed(before).Json()["state"]["balance"], 100);
}

TEST_P(Replay, ShowsTheNewestObjectOfAStripeAggregateHoweverItsEventsArrived) {
  const Json trialing = Subscription("sub_1", "trialing");
  const Json active = With(trialing, {{"status", "active"}});
  const Json past_due = With(trialing, {{"status", "past_due"}});
  Deliver({.id = "evt_3",
           .type = "customer.subscription.updated",
           .object = past_due,
           .created_s = kNoon + 20,
           .previous_attributes = {{"status", "active"}}});
  Deliver(
      {.id = "evt_1", .type = "customer.subscription.created", .object = trialing, .created_s = kNoon + 10});
  Deliver({.id = "evt_2",
           .type = "customer.subscription.updated",
           .object = active,
           .created_s = kNoon + 20,
           .previous_attributes = {{"status", "trialing"}}});
  // What an admin says of it is none of Stripe's words.
  Post("subscription", "sub_1", "customer.subscription.updated", {{"status", "free"}},
       "2030-01-01T00:00:00Z");
  const json now = Replayed({{"aggregate_id", "sub_1"}}).Json();
  EXPECT_EQ(now["state"], past_due);
  EXPECT_EQ(now["version"], 4);
  EXPECT_EQ(now["events_replayed"], 3);
  EXPECT_EQ(Replayed({{"aggregate_id", "sub_1"}, {"as_of", "2026-01-01T12:00:10Z"}}).Json()["state"],
            trialing);
  EXPECT_EQ(Replayed({{"aggregate_id", "sub_1"}, {"as_of", "2026-01-01T12:00:09Z"}}).Json()["state"],
            nullptr);
  EXPECT_EQ(Replayed({{"aggregate_id", "sub_1"}, {"to_version", 2}}).Json()["state"], past_due);
}

TEST_P(Replay, KeepsWhatIsDeletedDeleted) {
  const Json subscription = Subscription("sub_1", "active");
  const Json customer = Customer("cus_1");
  Deliver({.id = "evt_1", .type = "customer.subscription.deleted", .object = subscription});
  Deliver({.id = "evt_2",
           .type = "customer.subscription.updated",
           .object = With(subscription, {{"metadata", {{"late", "yes"}}}}),
           .created_s = kNoon + 60});
  Deliver({.id = "evt_3", .type = "customer.deleted", .object = customer});
  Deliver({.id = "evt_4", .type = "customer.updated", .object = customer, .created_s = kNoon + 60});
  const json canceled = Replayed({{"aggregate_id", "sub_1"}}).Json()["state"];
  EXPECT_EQ(canceled["status"], "canceled");
  EXPECT_EQ(canceled["metadata"]["late"], "yes");
  EXPECT_EQ(Replayed({{"aggregate_id", "cus_1"}}).Json()["state"]["deleted"], true);
}

TEST_P(Replay, PassesOverEventsThatCannotBeUsed) {
  Deliver({.id = "evt_1", .type = "customer.updated", .object = Customer("cus_1")});
  Deliver({.id = "evt_2",
           .type = "customer.updated",
           .object = With(Customer("cus_1"), {{"name", 7}}),
           .created_s = kNoon + 9});
  const json answer = Replayed({{"aggregate_id", "cus_1"}}).Json();
  EXPECT_EQ(answer["state"], Customer("cus_1"));
  EXPECT_EQ(answer["version"], 2);
}

TEST_P(Replay, MixesNeitherLivemodesNorAccountsOfOneId) {
  Deliver({.id = "evt_1", .type = "customer.updated", .object = Customer("cus_1", "live@example.com")});
  Deliver({.id = "evt_2",
           .type = "customer.updated",
           .object = Customer("cus_1", "test@example.com"),
           .livemode = false});
  Deliver({.id = "evt_3",
           .type = "customer.deleted",
           .object = Customer("cus_1", "account@example.com"),
           .created_s = kNoon - 5,
           .account = "acct_1"});
  const Answer both = Replayed({{"aggregate_id", "cus_1"}});
  EXPECT_EQ(both.status, 422);
  EXPECT_EQ(both.Code(), "aggregate_ambiguous");
  const json live = Replayed({{"aggregate_id", "cus_1"}, {"livemode", true}}).Json()["state"];
  EXPECT_EQ(live["email"], "live@example.com");
  EXPECT_FALSE(live.contains("deleted")) << "the account's customer was deleted, not this one";
  EXPECT_EQ(Replayed({{"aggregate_id", "cus_1"}, {"livemode", false}}).Json()["state"]["email"],
            "test@example.com");
  EXPECT_EQ(Replayed({{"aggregate_id", "cus_1"}, {"account", "acct_1"}}).Json()["state"]["deleted"], true);
  EXPECT_EQ(Replayed({{"aggregate_id", "cus_1"}, {"account", nullptr}, {"livemode", true}}).Json()["state"],
            live);
}

TEST_P(Replay, AsksForTheTypeWhereAnIdStandsUnderTwo) {
  Post("order", "x_1", "OrderPlaced", {{"a", 1}});
  Post("parcel", "x_1", "ParcelSent", {{"b", 2}});
  const Answer ambiguous = Replayed({{"aggregate_id", "x_1"}});
  EXPECT_EQ(ambiguous.status, 422);
  EXPECT_EQ(ambiguous.Code(), "aggregate_ambiguous");
  EXPECT_EQ(Replayed({{"aggregate_id", "x_1"}, {"aggregate_type", "parcel"}}).Json()["state"],
            json({{"b", 2}}));
  EXPECT_EQ(Replayed({{"aggregate_id", "x_1"}, {"aggregate_type", "letter"}}).status, 404);
  EXPECT_EQ(Replayed({{"aggregate_id", "x_2"}}).status, 404);
  EXPECT_EQ(Temporal({{"aggregate_id", "x_1"}}).Code(), "aggregate_ambiguous");
}

TEST_P(Replay, RefusesWhatItDoesNotKnowOrUnderstand) {
  Post("order", "o_1", "OrderPlaced", {{"a", 1}});
  const auto pointer = [](const Answer& answer) {
    EXPECT_EQ(answer.status, 422) << answer.body;
    return answer.Json()["errors"][0].value("pointer", "");
  };
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"until", 1}})), "/until");
  EXPECT_EQ(pointer(Replayed(json::object())), "/aggregate_id");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", 1}})), "/aggregate_id");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"to_version", "1"}})), "/to_version");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"from_sequence", -1}})), "/from_sequence");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"as_of", "yesterday"}})), "/as_of");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"use_snapshot", "no"}})), "/use_snapshot");
  EXPECT_EQ(pointer(Replayed({{"aggregate_id", "o_1"}, {"time_axis", "recorded"}})), "/time_axis");
  EXPECT_EQ(pointer(Temporal({{"aggregate_id", "o_1"}, {"time_axis", "both"}})), "/time_axis");
  EXPECT_EQ(pointer(Temporal({{"aggregate_id", "o_1"}, {"cursor", "5b2278225d"}})), "/cursor");
  EXPECT_EQ(pointer(Temporal({{"aggregate_id", "o_1"}, {"limit", 1001}})), "/limit");
  EXPECT_EQ(pointer(Temporal({{"aggregate_id", "o_1"},
                              {"from_time", "2026-01-02T00:00:00Z"},
                              {"to_time", "2026-01-01T00:00:00Z"}})),
            "/from_time");
  EXPECT_EQ(service().Post("/api/v1/replay", "{", {{"Authorization", "Bearer reader-key"}}).status, 400);
  EXPECT_EQ(service().Post("/api/v1/replay", "{}").status, 401);
}

TEST_P(Replay, BeginsAtASnapshotUnlessToldOtherwise) {
  for (int i = 1; i <= 5; ++i) Post("order", "o_1", "OrderChanged", {{"i", i}});
  const std::string latest = "/api/v1/snapshots/o_1";
  const http::Fields reader = {{"Authorization", "Bearer reader-key"}};
  EXPECT_EQ(service().Get(latest, reader).status, 404);
  EXPECT_EQ(Send("snapshots", {{"aggregate_id", "o_1"}}).status, 403);
  const Answer taken = Send("snapshots", {{"aggregate_id", "o_1"}}, "operator-key");
  ASSERT_EQ(taken.status, 201) << taken.body;
  EXPECT_EQ(taken.Json()["version"], 5);
  EXPECT_EQ(taken.Json()["state"], json({{"i", 5}}));
  EXPECT_TRUE(taken.Json()["created_at"].is_string());
  EXPECT_EQ(service().Get(latest, reader).Json(), taken.Json());
  Post("order", "o_1", "OrderChanged", {{"j", 6}});
  const json with = Replayed({{"aggregate_id", "o_1"}}).Json();
  EXPECT_EQ(with["snapshot_version"], 5);
  EXPECT_EQ(with["events_replayed"], 1);
  const json without = Replayed({{"aggregate_id", "o_1"}, {"use_snapshot", false}}).Json();
  EXPECT_EQ(without["snapshot_version"], nullptr);
  EXPECT_EQ(without["events_replayed"], 6);
  EXPECT_EQ(with["state"], without["state"]);
  EXPECT_EQ(Replayed({{"aggregate_id", "o_1"}, {"from_sequence", 6}}).Json()["snapshot_version"], nullptr);
  EXPECT_EQ(Send("snapshots", {{"aggregate_id", "o_9"}}, "operator-key").status, 404);
  EXPECT_EQ(Send("snapshots", {{"aggregate_id", "o_1"}, {"x", 1}}, "operator-key").status, 422);
}

TEST(SnapshotsOfAService, AreTakenByThemselves) {
  RunningService service(Environment{{"SNAPSHOT_FREQUENCY", "3"}});
  for (int i = 1; i <= 4; ++i) {
    ASSERT_EQ(service
                  .Post("/api/v1/events",
                        R"({"aggregate_type":"order","aggregate_id":"o_1","event_type":"E","data":{"i":)" +
                            std::to_string(i) + "}}")
                  .status,
              201);
  }
  Answer latest = service.Get("/api/v1/snapshots/o_1");
  for (const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
       latest.status != 200 && std::chrono::steady_clock::now() < deadline;)
    latest = service.Get("/api/v1/snapshots/o_1");
  ASSERT_EQ(latest.status, 200);
  EXPECT_EQ(latest.Json()["version"], 3);
  EXPECT_EQ(latest.Json()["state"]["i"], 3);
}

TEST_P(Replay, AnswersTheEventsOfAWindowAndTheStateAtItsEnd) {
  for (int day = 1; day <= 5; ++day)
    Post("order", "o_1", "OrderChanged", {{"day", day}}, "2026-01-0" + std::to_string(day) + "T00:00:00Z");
  Post("order", "o_1", "OrderChanged", {{"day", 3}, {"late", true}}, "2026-01-03T00:00:00Z");
  const json window = Temporal({{"aggregate_id", "o_1"},
                                {"from_time", "2026-01-02T00:00:00Z"},
                                {"to_time", "2026-01-03T00:00:00Z"}})
                          .Json();
  ASSERT_EQ(window["events"].size(), 3U);
  EXPECT_EQ(window["events"][0]["version"], 2);
  EXPECT_EQ(window["events"][2]["version"], 6);
  EXPECT_EQ(window["version"], 6);
  EXPECT_EQ(window["state"], json({{"day", 3}, {"late", true}}));
  EXPECT_EQ(window["has_more"], false);
  EXPECT_EQ(window["aggregate_type"], "order");
  // On the other axis all of it is of today.
  const json recorded =
      Temporal({{"aggregate_id", "o_1"}, {"to_time", "2026-01-03T00:00:00Z"}, {"time_axis", "recorded"}})
          .Json();
  EXPECT_EQ(recorded["events"].size(), 0U);
  EXPECT_EQ(recorded["state"], nullptr);
  EXPECT_EQ(Temporal({{"aggregate_id", "o_1"}}).Json()["events"].size(), 6U);
}

TEST_P(Replay, PagesAWindow) {
  for (int i = 1; i <= 5; ++i) Post("order", "o_1", "OrderChanged", {{"i", i}});
  std::vector<int> versions;
  json body = {{"aggregate_id", "o_1"}, {"limit", 2}};
  for (bool more = true; more;) {
    const json page = Temporal(body).Json();
    EXPECT_LE(page["events"].size(), 2U);
    EXPECT_EQ(page["state"]["i"], 5);
    for (const json& event : page["events"]) versions.push_back(event["version"]);
    more = page["has_more"];
    body["cursor"] = page["next_cursor"];
  }
  EXPECT_EQ(versions, (std::vector<int>{1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace billhook::test
