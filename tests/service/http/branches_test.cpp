// Branches over HTTP, on both engines: what callers may ask, what is refused, and that the main log never
// notices.
#include "tests/service/http/branches.h"

#include <gtest/gtest.h>

namespace billhook::test {
namespace {

using nlohmann::json;

INSTANTIATE_TEST_SUITE_P(Engines, Branches, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Branches, ShowWhatTheirEventsWouldDoAndTheMainLogNeverDoes) {
  RecordLives();
  const std::string statistics = Get("/api/v1/statistics").body;
  const std::string projections = Get("/api/v1/projections").body;
  const std::string balances = Get("/api/v1/ledger/balances").body;
  const Answer created = Post(kBranches, R"({"name":"b"})");
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.Json()["from_position"], 3);
  EXPECT_EQ(created.Json()["events"], 0);

  const Answer posted =
      Post(kEvents,
           StripeEvents({Cancels("evt_9", "sub_1"),
                         {.id = "evt_10", .type = "refund.created", .object = Refund("re_1", 200, "ch_1")}}));
  ASSERT_EQ(posted.status, 201) << posted.body;
  EXPECT_EQ(posted.Json()["position"], 5);
  EXPECT_EQ(posted.Header("X-Position"), "5");
  EXPECT_EQ(posted.Json()["events"][0]["position"], 4);
  EXPECT_EQ(posted.Json()["events"][0]["version"], 2);
  EXPECT_EQ(posted.Json()["events"][0]["source"], "stripe");
  EXPECT_EQ(posted.Json()["duplicates"], json::array());
  EXPECT_NE(posted.body.find(BodyOf(Cancels("evt_9", "sub_1"))), std::string::npos) << "not as it was sent";

  EXPECT_EQ(StatusOf("sub_1", "?branch=b"), "canceled");
  EXPECT_EQ(StatusOf("sub_2", "?branch=b"), "active");
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=b&status=canceled").Json()["data"].size(), 1U);
  EXPECT_EQ(Get("/api/v1/subscriptions/sub_1/history?branch=b").Json()["data"].size(), 2U);
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=b&min_position=5").Header("X-Projection-Position"), "5");
  EXPECT_EQ(Get("/api/v1/ledger/balances?branch=b").Json()["data"][0]["refunded"], 200);
  EXPECT_EQ(Get("/api/v1/ledger/entries?branch=b").Json()["data"].size(), 2U);
  EXPECT_EQ(Get("/api/v1/ledger/entries?branch=b&type=refund").Json()["data"][0]["charge"], "ch_1");
  EXPECT_EQ(Get("/api/v1/events?branch=b").Json()["data"].size(), 5U);
  EXPECT_EQ(Get("/api/v1/events/sub_1?branch=b").Json()["data"][1]["position"], 4);
  const std::string aggregate = R"({"aggregate_id":"sub_1"})";
  EXPECT_EQ(Post("/api/v1/replay?branch=b", aggregate).Json()["state"]["status"], "canceled");
  EXPECT_EQ(Post("/api/v1/temporal-query?branch=b", aggregate).Json()["events"].size(), 2U);
  EXPECT_EQ(Get(std::string(kBranches) + "/b").Json()["events"], 2);

  EXPECT_EQ(StatusOf("sub_1"), "active");
  EXPECT_EQ(Post("/api/v1/replay", aggregate).Json()["state"]["status"], "active");
  EXPECT_EQ(Get("/api/v1/events").Json()["data"].size(), 3U);
  EXPECT_EQ(Get("/api/v1/statistics").body, statistics);
  EXPECT_EQ(Get("/api/v1/projections").body, projections);
  EXPECT_EQ(Get("/api/v1/ledger/balances").body, balances);
  // What happens afterwards does not reach the branch.
  ASSERT_EQ(service_->PostWebhook(BodyOf(Cancels("evt_11", "sub_2"))).status, 200);
  EXPECT_EQ(Get("/api/v1/subscriptions/sub_2?min_position=4&wait_ms=20000").Json()["status"], "canceled");
  EXPECT_EQ(StatusOf("sub_2", "?branch=b"), "active");
  EXPECT_EQ(Get("/api/v1/events/sub_2?branch=b").Json()["data"].size(), 1U);

  ASSERT_EQ(Delete(std::string(kBranches) + "/b").status, 204);
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=b").Code(), "branch_not_found");
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})").status, 201);
  EXPECT_EQ(Get("/api/v1/events?branch=b&after_position=4").Json()["data"].size(), 0U);
}

TEST_P(Branches, ForkAtAPositionOrATimeOfRecording) {
  RecordLives();
  const json second = Get("/api/v1/events?after_position=1&limit=1").Json()["data"][0];
  const auto forked = [&](const std::string& fork) {
    static int count = 0;
    const Answer answer = Post(kBranches, R"({"name":"f)" + std::to_string(++count) + R"(",)" + fork + "}");
    return answer.status == 201 ? answer.Json()["from_position"].get<int>() : -answer.status;
  };
  EXPECT_EQ(forked(R"("from_position":0)"), 0);
  EXPECT_EQ(forked(R"("from_position":2)"), 2);
  EXPECT_EQ(forked(R"("from_position":4)"), -422);
  EXPECT_EQ(forked(R"("from_position":-1)"), -422);
  EXPECT_EQ(forked(R"("from_time":")" + second["recorded_at"].get<std::string>() + "\""), 2);
  EXPECT_EQ(forked(R"("from_time":"2020-01-01T00:00:00Z")"), 0);
  EXPECT_EQ(forked(R"("from_time":"2999-01-01T00:00:00Z")"), 3);
  EXPECT_EQ(forked(R"("from_time":"2999-01-01T00:00:00Z","from_position":1)"), -422);
  EXPECT_EQ(forked(R"("at":1)"), -422);
}

TEST_P(Branches, RecordAnEventOnceAsTheLogWould) {
  RecordLives();
  ASSERT_EQ(Post(kBranches, R"({"name":"b","from_position":1})").status, 201);
  const StripeEvent first{
      .id = "evt_1", .type = "customer.subscription.created", .object = Paying("sub_1", 500)};
  const StripeEvent third{.id = "evt_3", .type = "charge.succeeded", .object = Charge("ch_1", 500)};
  const Answer answer = Post(kEvents, StripeEvents({first, third, third}));
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_EQ(answer.Json()["events"].size(), 1U);
  EXPECT_EQ(answer.Json()["duplicates"],
            json::parse(R"([{"event_id":"evt_1","position":1},{"event_id":"evt_3","position":2}])"));
  const Answer again = Post(kEvents, StripeEvents({third}));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.Json()["position"], 2);

  const std::string order =
      R"({"aggregate_type":"order","aggregate_id":"o_1","event_type":"Placed","data":{"a": 1.50},"expected_version":0})";
  const Answer placed = Post(kEvents, R"({"events":[)" + order + "]}");
  ASSERT_EQ(placed.status, 201) << placed.body;
  EXPECT_EQ(placed.Json()["events"][0]["source"], "api");
  EXPECT_FALSE(placed.Json().contains("duplicates"));
  EXPECT_EQ(Post(kEvents, order).Code(), "version_conflict");
  EXPECT_EQ(Get("/api/v1/events/o_1").status, 404);
}

TEST_P(Branches, RefuseWhatIsWrongAndChangeNothing) {
  RecordLives();
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})").status, 201);
  EXPECT_EQ(Post(kBranches, R"({"name":"b"})").Code(), "already_exists");
  for (const char* name : {"", "B", "a_b", "a b", "\\u00e4"})
    EXPECT_EQ(Post(kBranches, R"({"name":")" + std::string(name) + "\"}").status, 422) << name;
  EXPECT_EQ(Post(kBranches, R"({"name":")" + std::string(64, 'a') + "\"}").status, 201);
  EXPECT_EQ(Post(kBranches, R"({"name":")" + std::string(65, 'a') + "\"}").status, 422);
  EXPECT_EQ(Post(kBranches, "{}").status, 422);
  EXPECT_EQ(Post(kBranches, "{").status, 400);
  EXPECT_EQ(Get(std::string(kBranches) + "/none").status, 404);
  EXPECT_EQ(Delete(std::string(kBranches) + "/none").status, 404);
  EXPECT_EQ(Post("/api/v1/branches/none/events", StripeEvents({Cancels("evt_9", "sub_1")})).status, 404);
  const Answer faulty = Post(kEvents, R"({"stripe_events":[)" + BodyOf(Cancels("evt_9", "sub_1")) + ",{}]}");
  EXPECT_EQ(faulty.status, 422);
  EXPECT_EQ(faulty.Json()["errors"][0]["pointer"], "/stripe_events/1");
  for (const char* body : {R"({"stripe_events":[]})", R"({"stripe_events":[1]})", R"({"events":[]})",
                           R"({"stripe_events":{},"events":[]})", R"({"stripe_events":[],"more":1})"})
    EXPECT_EQ(Post(kEvents, body).status, 422) << body;
  EXPECT_EQ(Get(std::string(kBranches) + "/b").Json()["events"], 0);

  // What is about the main log, or what billhook does with it.
  for (const char* path : {"projections", "projections/customers", "snapshots/sub_1", "commands", "sagas",
                           "dead-letters", "reconciliation"}) {
    const Answer refused = Get("/api/v1/" + std::string(path) + "?branch=b");
    EXPECT_EQ(refused.status, 422) << path;
    EXPECT_NE(refused.body.find("on a branch"), std::string::npos) << refused.body;
  }
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=none").Code(), "branch_not_found");
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=b&min_position=99").Code(), "projection_behind");
}

TEST_P(Branches, HonourRolesAndKeepTenantsApart) {
  RecordLives();
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})").status, 201);
  const std::string reader = "readerkey0000000";
  EXPECT_EQ(Post(kBranches, R"({"name":"c"})", reader).status, 403);
  EXPECT_EQ(Get(kBranches, reader).status, 403);
  EXPECT_EQ(Get("/api/v1/subscriptions?branch=b", reader).status, 403);
  EXPECT_EQ(Post(kEvents, StripeEvents({Cancels("evt_9", "sub_1")}), reader).status, 403);
  EXPECT_EQ(Delete(std::string(kBranches) + "/b", reader).status, 403);

  const std::string other = "otherkey00000000";
  EXPECT_EQ(Get(kBranches, other).Json()["data"].size(), 0U);
  EXPECT_EQ(Get("/api/v1/events?branch=b", other).status, 404);
  EXPECT_EQ(Delete(std::string(kBranches) + "/b", other).status, 404);
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})", other).status, 201);
  EXPECT_EQ(Get("/api/v1/events?branch=b", other).Json()["data"].size(), 0U);
  ASSERT_EQ(Post(kEvents, StripeEvents({Cancels("evt_9", "sub_1")}), other).status, 201);
  EXPECT_EQ(Get("/api/v1/subscriptions/sub_1?branch=b", other).Json()["status"], "canceled");
  EXPECT_EQ(StatusOf("sub_1", "?branch=b"), "active");
}

TEST_P(Branches, AreListedInPagesAndLimitedInNumber) {
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(Post(kBranches, R"({"name":"n)" + std::to_string(i) + "\"}").status, 201) << i;
  EXPECT_EQ(Post(kBranches, R"({"name":"more"})").Code(), "too_many_branches");
  EXPECT_EQ(Post(kBranches, R"({"name":"n7"})").Code(), "already_exists");
  EXPECT_EQ(Post(kBranches, R"({"name":"more"})", "otherkey00000000").status, 201);
  const json first = Get(std::string(kBranches) + "?limit=60").Json();
  EXPECT_EQ(first["data"].size(), 60U);
  const json second =
      Get(std::string(kBranches) + "?limit=60&cursor=" + first["next_cursor"].get<std::string>()).Json();
  EXPECT_EQ(second["data"].size(), 40U);
  EXPECT_FALSE(second["has_more"]);
}

}  // namespace
}  // namespace billhook::test
