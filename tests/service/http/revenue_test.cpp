// GET /api/v1/metrics/mrr, on both engines.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/subscription_lives.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

constexpr std::int64_t kDay = 86'400;

class RevenueRoute : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_DATABASE(database_);
    Environment environment;
    if (GetParam() == Engine::kPostgres) environment["DATABASE_URL"] = database_.url();
    service_ = std::make_unique<RunningService>(environment);
  }

  void Post(const std::vector<StripeEvent>& events) {
    for (const StripeEvent& event : events) {
      const Answer answer = service_->PostWebhook(BodyOf(event));
      ASSERT_EQ(answer.status, 200) << answer.body;
    }
    const std::string head = "wait_ms=20000&min_position=" + std::to_string(events.size());
    ASSERT_EQ(service_->Get("/api/v1/subscriptions?" + head).status, 200);
    ASSERT_EQ(Get("currency=usd&" + head).status, 200);
  }

  Answer Get(const std::string& query) { return service_->Get("/api/v1/metrics/mrr?" + query); }

  // The sum of what the subscriptions of a scope bring as of a moment.
  std::int64_t SumAsOf(const std::string& as_of, const std::string& currency, const std::string& scope) {
    std::int64_t sum = 0;
    const std::string path = "/api/v1/subscriptions?limit=100&as_of=" + as_of + scope;
    const json page = service_->Get(path).Json();
    for (const json& row : page["data"]) {
      if (row["currency"] == currency && row["mrr"].is_number()) sum += row["mrr"].get<std::int64_t>();
    }
    return sum;
  }

  TestDatabase database_{GetParam()};
  std::unique_ptr<RunningService> service_;
};

// `day` days after kNoon, 2026-01-01T12:00:00Z.
StripeEvent On(int day, const std::string& id, const std::string& type, const Json& object) {
  return {
      .id = id, .type = "customer.subscription." + type, .object = object, .created_s = kNoon + day * kDay};
}

TEST_P(RevenueRoute, TellsEachMonthsMovementsAndItsEnd) {
  Post({On(200, "evt_6", "updated", Paying("sub_1", 400)), On(0, "evt_1", "created", Paying("sub_1", 1000)),
        On(5, "evt_2", "created", Paying("sub_2", 500)), On(40, "evt_3", "updated", Paying("sub_1", 1300)),
        On(41, "evt_4", "updated", Paying("sub_2", 200)), On(95, "evt_5", "deleted", Paying("sub_1", 1300))});
  const Answer answer = Get("currency=usd&from=2026-01-15&to=2026-04-30T00:00:00%2B02:00&interval=month");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Header("X-Projection-Position"), "6");
  EXPECT_FALSE(answer.Header("ETag").empty());
  const auto month = [](const char* from, const char* to, int mrr, int fresh, int expansion, int contraction,
                        int churn) {
    return json{{"from", from},
                {"to", to},
                {"mrr", mrr},
                {"new", fresh},
                {"expansion", expansion},
                {"contraction", contraction},
                {"churn", churn},
                {"reactivation", 0}};
  };
  const json expected = {{"object", "list"},
                         {"currency", "usd"},
                         {"interval", "month"},
                         {"livemode", true},
                         {"account", nullptr},
                         {"data",
                          {month("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 1500, 1500, 0, 0, 0),
                           month("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 1500, 0, 300, 300, 0),
                           month("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 1500, 0, 0, 0, 0),
                           month("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", 200, 0, 0, 0, 1300)}}};
  EXPECT_EQ(answer.Json(), expected) << answer.body;
  const json later = Get("currency=usd&from=2026-03-01&to=2026-03-31").Json()["data"];
  EXPECT_EQ(later, json::array({expected["data"][2]})) << "what came before is carried over";
}

TEST_P(RevenueRoute, TellsDaysInUtc) {
  StripeEvent last_second = On(0, "evt_1", "created", Paying("sub_1", 100));
  last_second.created_s = kNoon + kDay / 2 - 1;
  StripeEvent first_second = On(0, "evt_2", "updated", Paying("sub_1", 0));
  first_second.created_s = kNoon + kDay / 2;
  Post({last_second, first_second, On(2, "evt_3", "updated", Paying("sub_1", 70))});
  const json days = Get("currency=usd&interval=day&from=2025-12-31T23:59:59Z&to=2026-01-03").Json()["data"];
  ASSERT_EQ(days.size(), 4U);
  EXPECT_EQ(days[0]["from"], "2025-12-31T00:00:00Z");
  EXPECT_EQ(days[0]["mrr"], 0);
  EXPECT_EQ(days[1]["new"], 100);
  EXPECT_EQ(days[1]["mrr"], 100);
  EXPECT_EQ(days[2]["churn"], 100);
  EXPECT_EQ(days[2]["mrr"], 0);
  EXPECT_EQ(days[3]["to"], "2026-01-04T00:00:00Z");
  EXPECT_EQ(days[3]["reactivation"], 70);
  EXPECT_EQ(days[3]["mrr"], 70);
}

TEST_P(RevenueRoute, SumsExactlyBeyondSixtyFourBits) {
  std::vector<StripeEvent> events;
  for (int i = 1; i <= 3; ++i) {
    const Json most = Paying("sub_" + std::to_string(i), 9'223'372'036'854'775'807);
    events.push_back(On(i, "evt_a" + std::to_string(i), "created", most));
    events.push_back(On(40, "evt_b" + std::to_string(i), "deleted", most));
  }
  Post(events);
  const std::string body = Get("currency=usd&from=2026-01-01&to=2026-02-28").body;
  EXPECT_NE(body.find(R"("mrr":27670116110564327421,"new":27670116110564327421,)"), std::string::npos)
      << body;
  EXPECT_NE(body.find(R"("mrr":0,"new":0,"expansion":0,"contraction":0,"churn":27670116110564327421,)"),
            std::string::npos)
      << body;
}

TEST_P(RevenueRoute, KeepsCurrenciesLivemodesAndAccountsApart) {
  StripeEvent connected = On(0, "evt_2", "created", Paying("sub_2", 20));
  connected.account = "acct_1";
  StripeEvent test_mode = On(0, "evt_3", "created", Paying("sub_3", 30));
  test_mode.livemode = false;
  Post({On(0, "evt_1", "created", Paying("sub_1", 10)), connected, test_mode,
        On(0, "evt_4", "created", Paying("sub_4", 40, "EUR"))});
  const auto mrr = [&](const std::string& query) {
    return Get("from=2026-01-01&to=2026-01-01&" + query).Json()["data"][0]["mrr"].get<int>();
  };
  EXPECT_EQ(mrr("currency=usd"), 10);
  EXPECT_EQ(mrr("currency=eur"), 40);
  EXPECT_EQ(mrr("currency=jpy"), 0);
  EXPECT_EQ(mrr("currency=usd&account=acct_1"), 20);
  EXPECT_EQ(mrr("currency=usd&livemode=false"), 30);
  const json scoped = Get("currency=usd&account=acct_1&livemode=false").Json();
  EXPECT_EQ(scoped["account"], "acct_1");
  EXPECT_EQ(scoped["livemode"], false);
}

TEST_P(RevenueRoute, ShowsTheLastTwelveMonthsOrThirtyDaysByDefault) {
  const json months = Get("currency=usd").Json();
  EXPECT_EQ(months["interval"], "month");
  EXPECT_EQ(months["data"].size(), 12U);
  EXPECT_EQ(Get("currency=usd&interval=day").Json()["data"].size(), 30U);
  const json until = Get("currency=usd&to=2026-03-31").Json()["data"];
  EXPECT_EQ(until.front()["from"], "2025-04-01T00:00:00Z");
  EXPECT_EQ(until.back()["to"], "2026-04-01T00:00:00Z");
  EXPECT_EQ(Get("currency=usd&to=1970-02-01").Json()["data"].size(), 2U) << "time begins with 1970";
}

TEST_P(RevenueRoute, RefusesBadParametersAndNamesThem) {
  const std::pair<const char*, const char*> queries[] = {
      {"", "?currency"},
      {"currency=", "?currency"},
      {"currency=usd&interval=week", "?interval"},
      {"currency=usd&from=yesterday", "?from"},
      {"currency=usd&to=2026-02-30", "?to"},
      {"currency=usd&to=9999-12-01", "?to"},
      {"currency=usd&from=2026-02-01&to=2026-01-31", "?from"},
      {"currency=usd&interval=day&from=2020-01-01&to=2022-09-27", "?from"},
      {"currency=usd&from=1970-01-01&to=2053-05-01", "?from"},
      {"currency=usd&livemode=maybe", "?livemode"},
      {"currency=usd&status=active", "?status"},
  };
  for (const auto& [query, pointer] : queries) {
    const Answer answer = Get(query);
    EXPECT_EQ(answer.status, 422) << query;
    ASSERT_EQ(answer.Json()["errors"].size(), 1U) << query << answer.body;
    EXPECT_EQ(answer.Json()["errors"][0]["pointer"], pointer) << query;
  }
  EXPECT_EQ(Get("currency=usd&interval=day&from=2020-01-01&to=2022-09-26").Json()["data"].size(), 1'000U);
  EXPECT_EQ(Get("currency=usd&to=9999-11-30").Json()["data"].back()["to"], "9999-12-01T00:00:00Z");
  EXPECT_EQ(Get("currency=usd&min_position=1&wait_ms=1").Code(), "projection_behind");
}

// Three ways to one number: the movements, the subscriptions as of the day's end, and the state now.
TEST_P(RevenueRoute, AgreesWithTheSubscriptionsAsOfTheEndOfEachDay) {
  std::mt19937_64 random(99);
  Post(SubscriptionLives(random, 150));
  for (const std::string currency : {"usd", "eur"}) {
    for (const std::string scope :
         {"&livemode=true&account=", "&livemode=true&account=acct_1", "&livemode=false&account="}) {
      const json days =
          Get("interval=day&from=2025-12-31&to=2026-01-06&currency=" + currency + scope).Json()["data"];
      ASSERT_EQ(days.size(), 7U);
      std::int64_t before = 0;
      for (const json& day : days) {
        const std::string last = day["from"].get<std::string>().substr(0, 10) + "T23:59:59.999999Z";
        EXPECT_EQ(day["mrr"], SumAsOf(last, currency, scope)) << last << scope;
        const auto amount = [&day](const char* name) { return day[name].get<std::int64_t>(); };
        for (const char* name : {"new", "expansion", "contraction", "churn", "reactivation"})
          EXPECT_GE(amount(name), 0) << name;
        EXPECT_EQ(amount("mrr"), before + amount("new") + amount("expansion") + amount("reactivation") -
                                     amount("contraction") - amount("churn"));
        before = amount("mrr");
      }
    }
  }
  const json state = service_->Get("/api/v1/projections/revenue/state?limit=100").Json()["state"];
  EXPECT_FALSE(state.empty());
  for (const auto& [key, mrr] : state.items()) EXPECT_TRUE(mrr.is_number_integer()) << key;
}

INSTANTIATE_TEST_SUITE_P(Engines, RevenueRoute, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace billhook::test
