// `?branch=` on the read models over HTTP, on both engines. That they say what an independent log of the same
// events would say: tests/service/branches/branch_reads_test.cpp.
#include <gtest/gtest.h>

#include "tests/service/http/branches.h"

namespace billhook::test {
namespace {

using nlohmann::json;

class BranchReadModels : public Branches {};

INSTANTIATE_TEST_SUITE_P(Engines, BranchReadModels, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(BranchReadModels, AreReadByEveryReadModelAndQuery) {
  RecordLives();
  const auto customer = [](const std::string& id, const std::string& email) {
    return StripeEvent{.id = "evt_" + id,
                       .type = "customer.created",
                       .object = {{"object", "customer"}, {"id", id}, {"email", email}}};
  };
  ASSERT_EQ(service_->PostWebhook(BodyOf(customer("cus_1", "a@example.com"))).status, 200);
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})").status, 201);
  const std::string position =
      Post(kEvents, StripeEvents({Cancels("evt_9", "sub_1"), customer("cus_9", "b@example.com")}))
          .Json()["position"]
          .dump();
  const std::string account =
      R"({"aggregate_type":"prepaid_account","aggregate_id":"a","event_type":"AccountCreated",)"
      R"("data":{"account_id":"a","owner":"o","currency":"usd","initial_balance":7}})";
  ASSERT_EQ(Post(kEvents, account).status, 201);

  const auto active = [&](const std::string& query) {
    return Get("/api/v1/customers/cus_1?min_position=4&wait_ms=20000" + query).Json()["active_subscriptions"];
  };
  EXPECT_EQ(active(""), 2);
  EXPECT_EQ(active("&branch=b"), 1);
  EXPECT_EQ(Get("/api/v1/customers?branch=b").Json()["data"].size(), 2U);
  EXPECT_EQ(Get("/api/v1/customers?branch=b&email=b@example.com").Json()["data"][0]["id"], "cus_9");
  EXPECT_EQ(Get("/api/v1/customers/cus_9").status, 404);
  EXPECT_EQ(Get("/api/v1/customers/cus_9/timeline?branch=b").Json()["data"].size(), 1U);
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline?branch=b&min_position=" + position).Json()["data"].size(),
            4U);
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline").Json()["data"].size(), 3U);
  const auto mrr = [&](const std::string& query) {
    const json intervals =
        Get("/api/v1/metrics/mrr?currency=usd&min_position=4&wait_ms=20000" + query).Json()["data"];
    return intervals.back()["mrr"].get<int>();
  };
  EXPECT_EQ(mrr(""), 1400);
  EXPECT_EQ(mrr("&branch=b"), 900);
  const Answer statistics = Get("/api/v1/statistics?branch=b");
  EXPECT_EQ(statistics.Json()["total_events"], 7);
  EXPECT_EQ(statistics.Json()["latest_position"], 7);
  EXPECT_EQ(statistics.Header("X-Projection-Position"), "7");
  const std::string state = "/api/v1/projections/active_subscriptions/state";
  EXPECT_EQ(Get(state + "?branch=b").Json()["state"].size(), 1U);
  EXPECT_EQ(Get(state + "?branch=b&key=sub_1").status, 404);
  EXPECT_EQ(Get(state + "?key=sub_1").status, 200);
  EXPECT_EQ(Get("/api/v1/ledger/balances?branch=b&as_of=2999-01-01T00:00:00Z").Json()["data"][0]["gross"],
            500);
  EXPECT_EQ(Get("/api/v1/ledger/balances?branch=b&as_of=2020-01-01T00:00:00Z&time_axis=recorded")
                .Json()["data"]
                .size(),
            0U);

  const std::string balance = R"({"query_type":"GetAccountBalance","filters":{"account_id":"a"}})";
  const json asked = Post("/api/v1/queries?branch=b", balance).Json();
  EXPECT_EQ(asked["data"]["balance"], 7);
  EXPECT_EQ(asked["position"], 7);
  EXPECT_EQ(Post("/api/v1/queries", balance).status, 404);
  EXPECT_EQ(Post("/api/v1/queries?branch=b",
                 R"({"query_type":"GetAggregateHistory","filters":{"aggregate_id":"a"}})")
                .Json()["data"]
                .size(),
            1U);
  EXPECT_EQ(Post("/api/v1/queries?branch=none", balance).Code(), "branch_not_found");
  EXPECT_EQ(Post("/api/v1/queries?branch=b", balance, "readerkey0000000").status, 403);
}

TEST_P(BranchReadModels, TellBalancesOfThePastByWhatWasRecordedThen) {
  RecordLives();
  ASSERT_EQ(Post(kBranches, R"({"name":"b"})").status, 201);
  const auto post = [&](const std::string& id, std::int64_t amount) {
    const Answer posted =
        Post(kEvents,
             StripeEvents({{.id = "evt_" + id, .type = "charge.succeeded", .object = Charge(id, amount)}}));
    return posted.Json()["events"][0]["recorded_at"].get<std::string>();
  };
  const std::string second = post("ch_2", 20);
  const std::string third = post("ch_3", 3);
  const std::string first = Get("/api/v1/events/ch_1").Json()["data"][0]["recorded_at"];
  const auto gross = [&](const std::string& at) {
    return Get("/api/v1/ledger/balances?branch=b&time_axis=recorded&as_of=" + at).Json()["data"][0]["gross"];
  };
  EXPECT_EQ(gross(first), 500);
  EXPECT_EQ(gross(second), 520);
  EXPECT_EQ(gross(third), 523);
}

}  // namespace
}  // namespace billhook::test
