// The past of subscriptions over HTTP: history and as_of, on both engines.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/subscription_lives.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

class SubscriptionPast : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_DATABASE(database_);
    service_ = Start();
  }

  // Another service on the same engine, on the test's database the first time.
  std::unique_ptr<RunningService> Start() {
    Environment environment;
    if (GetParam() == Engine::kPostgres) {
      databases_.push_back(service_ ? std::make_unique<TestDatabase>(GetParam()) : nullptr);
      environment["DATABASE_URL"] = databases_.back() ? databases_.back()->url() : database_.url();
    }
    return std::make_unique<RunningService>(environment);
  }

  static void Post(RunningService& service, const std::vector<StripeEvent>& events) {
    for (const StripeEvent& event : events) {
      const Answer answer = service.PostWebhook(BodyOf(event));
      ASSERT_EQ(answer.status, 200) << answer.body;
    }
    const std::string head = std::to_string(events.size());
    ASSERT_EQ(service.Get("/api/v1/subscriptions?wait_ms=20000&min_position=" + head).status, 200);
  }
  void Post(const std::vector<StripeEvent>& events) { Post(*service_, events); }

  // All pages of a list.
  static std::vector<json> All(RunningService& service, const std::string& path) {
    std::vector<json> rows;
    std::string cursor;
    for (int pages = 0; pages < 500; ++pages) {
      const Answer answer = service.Get(path + cursor);
      EXPECT_EQ(answer.status, 200) << path << "\n" << answer.body;
      if (answer.status != 200) return rows;
      const json page = answer.Json();
      for (const json& row : page["data"]) rows.push_back(row);
      if (!page["has_more"]) return rows;
      cursor = "&cursor=" + page["next_cursor"].get<std::string>();
    }
    ADD_FAILURE() << path << " never ends";
    return rows;
  }

  std::string HistoryIds(const std::string& path) {
    std::string ids;
    for (const json& row : All(*service_, path)) ids += row["event_id"].get<std::string>() + " ";
    return ids;
  }

  TestDatabase database_{GetParam()};
  std::vector<std::unique_ptr<TestDatabase>> databases_;
  std::unique_ptr<RunningService> service_;
};

StripeEvent At(int second, const std::string& id, const std::string& type, const Json& object,
               const Json& previous = nullptr) {
  return {.id = id,
          .type = "customer.subscription." + type,
          .object = object,
          .created_s = kNoon + second,
          .previous_attributes = previous};
}

TEST_P(SubscriptionPast, TellsEachEventOfAHistoryWithWhatItSaid) {
  Post({At(2, "evt_2", "updated", Paying("sub_1", 700, "usd", "past_due")),
        At(1, "evt_1", "created", Paying("sub_1", 500)), At(1, "evt_0", "created", Paying("sub_2", 900))});
  const Answer answer = service_->Get("/api/v1/subscriptions/sub_1/history");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.Header("X-Projection-Position"), "3");
  EXPECT_FALSE(answer.Header("ETag").empty());
  EXPECT_EQ(answer.Json()["object"], "list");
  EXPECT_EQ(answer.Json()["has_more"], false);
  const json rows = answer.Json()["data"];
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0]["event_id"], "evt_1");
  EXPECT_EQ(rows[0]["event_type"], "customer.subscription.created");
  EXPECT_EQ(rows[0]["occurred_at"], "2026-01-01T12:00:01Z");
  EXPECT_EQ(rows[0]["position"], 2);
  EXPECT_EQ(rows[0]["subscription"]["mrr"], 500);
  EXPECT_EQ(rows[0]["subscription"]["updated_by"], "evt_1");
  EXPECT_EQ(rows[1]["subscription"], service_->Get("/api/v1/subscriptions/sub_1").Json());
  const json recorded = service_->Get("/api/v1/events?caused_by=evt_2").Json()["data"][0];
  EXPECT_EQ(rows[1]["recorded_at"], recorded["recorded_at"]);
}

TEST_P(SubscriptionPast, IsInTheOrderInWhichThingsHappened) {
  const auto step = [](const std::string& id, int n, const Json& previous) {
    return At(5, id, "updated", With(Paying("sub_1", 100), {{"metadata", {{"n", n}}}}), previous);
  };
  Post({At(9, "evt_0", "updated", Paying("sub_1", 100)), step("evt_1", 2, {{"metadata", {{"n", 1}}}}),
        At(5, "evt_2", "deleted", Paying("sub_1", 100)), step("evt_3", 1, {{"metadata", {{"n", 0}}}}),
        At(5, "evt_4", "created", Paying("sub_1", 100)), step("evt_5", 0, nullptr)});
  const std::string path = "/api/v1/subscriptions/sub_1/history?limit=";
  for (int limit : {1, 2, 3, 4, 100}) {
    EXPECT_EQ(HistoryIds(path + std::to_string(limit)), "evt_4 evt_5 evt_3 evt_1 evt_2 evt_0 ") << limit;
  }
  const json rows = service_->Get(path + "100").Json()["data"];
  std::string statuses;
  for (const json& row : rows) statuses += row["subscription"]["status"].get<std::string>() + " ";
  EXPECT_EQ(statuses, "active active active active canceled canceled ");
  EXPECT_EQ(rows[3]["subscription"]["mrr"], 100);
  EXPECT_EQ(rows[5]["subscription"]["mrr"], 0);
}

TEST_P(SubscriptionPast, LeavesOutWhatCannotBeUsedOrIsAboutAnother) {
  StripeEvent connected = At(3, "evt_3", "deleted", Paying("sub_1", 9));
  connected.account = "acct_1";
  Post({At(0, "evt_1", "created", Paying("sub_1", 500)),
        At(1, "evt_2", "deleted", With(Paying("sub_1", 500), {{"items", 7}})), connected,
        At(4, "evt_4", "updated", Paying("sub_1", 600))});
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_1/history").Code(), "subscription_ambiguous");
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_1/history?livemode=false").status, 404);
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_9/history").status, 404);
  EXPECT_EQ(HistoryIds("/api/v1/subscriptions/sub_1/history?account=acct_1"), "evt_3 ");
  const std::vector<json> rows = All(*service_, "/api/v1/subscriptions/sub_1/history?account=");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1]["event_id"], "evt_4");
  EXPECT_EQ(rows[1]["subscription"]["status"], "active") << "neither deletion was this one's";
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_1/history?as_of=2026-01-01T12:00:00Z").status, 422);
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_1/history?cursor=5b2278225d").status, 422);
}

TEST_P(SubscriptionPast, IsAsItWasWhenOnlySomeOfItHadHappened) {
  Post({At(9, "evt_4", "updated", Paying("sub_1", 900)), At(6, "evt_3", "deleted", Paying("sub_1", 700)),
        At(0, "evt_1", "created", Paying("sub_1", 500)), At(3, "evt_2", "updated", Paying("sub_1", 700))});
  const auto as_of = [&](const std::string& second) {
    return service_->Get("/api/v1/subscriptions/sub_1?as_of=2026-01-01T12:00:0" + second + "Z");
  };
  EXPECT_EQ(service_->Get("/api/v1/subscriptions/sub_1?as_of=2026-01-01T11:59:59.999999Z").status, 404);
  EXPECT_EQ(as_of("0").Json()["mrr"], 500) << "the bound is inclusive";
  EXPECT_EQ(as_of("2.999999").Json()["mrr"], 500);
  EXPECT_EQ(as_of("3").Json()["updated_by"], "evt_2");
  EXPECT_EQ(as_of("3").Json()["status"], "active");
  EXPECT_EQ(as_of("6").Json()["status"], "canceled");
  EXPECT_EQ(as_of("9").Json()["status"], "canceled") << "deletion is final";
  EXPECT_EQ(as_of("9").Json()["updated_by"], "evt_4");
  EXPECT_EQ(as_of("9").Json(), service_->Get("/api/v1/subscriptions/sub_1").Json());
  EXPECT_EQ(as_of("9").Header("X-Projection-Position"), "4");
  EXPECT_FALSE(as_of("9").Header("ETag").empty());
}

TEST_P(SubscriptionPast, IsAsItWasKnownWhenOnlySomeOfItWasRecorded) {
  Post({At(9, "evt_3", "updated", Paying("sub_1", 900)), At(0, "evt_1", "created", Paying("sub_1", 500)),
        At(1, "evt_2", "deleted", Paying("sub_2", 700))});
  const auto known_with = [&](const std::string& event, const std::string& path) {
    const json recorded = service_->Get("/api/v1/events?caused_by=" + event).Json()["data"][0];
    return service_->Get("/api/v1/subscriptions" + path +
                         "time_axis=recorded&as_of=" + recorded["recorded_at"].get<std::string>());
  };
  EXPECT_EQ(known_with("evt_3", "/sub_1?").Json()["mrr"], 900);
  EXPECT_EQ(known_with("evt_1", "/sub_1?").Json()["mrr"], 900)
      << "the newest fact wins, though it came first";
  EXPECT_EQ(known_with("evt_1", "/sub_2?").status, 404);
  EXPECT_EQ(known_with("evt_1", "?").Json()["data"].size(), 1U);
  EXPECT_EQ(known_with("evt_2", "?").Json()["data"].size(), 2U);
}

TEST_P(SubscriptionPast, FiltersByWhatWasTrueThen) {
  Json moved = With(Paying("sub_1", 700, "usd", "past_due"), {{"customer", "cus_2"}});
  moved["items"]["data"][0]["price"]["id"] = "price_2";
  Post({At(0, "evt_1", "created", Paying("sub_1", 500)), At(3, "evt_2", "updated", moved),
        At(1, "evt_3", "created", Paying("sub_2", 500)), At(2, "evt_4", "deleted", Paying("sub_2", 500))});
  const auto ids = [&](const std::string& query) {
    std::string found;
    const json page = service_->Get("/api/v1/subscriptions?" + query).Json();
    for (const json& row : page["data"]) found += row["id"].get<std::string>() + " ";
    return found;
  };
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:00Z"), "sub_1 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:01Z"), "sub_1 sub_2 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:01Z&status=active"), "sub_1 sub_2 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:02Z&status=active"), "sub_1 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:02Z&status=canceled"), "sub_2 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:03Z&status=active"), "");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:02Z&customer=cus_1&price=price_1"), "sub_1 sub_2 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:03Z&customer=cus_2"), "sub_1 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:03Z&price=price_2"), "sub_1 ");
  EXPECT_EQ(ids("as_of=2026-01-01T12:00:02Z&price=price_2"), "");
}

TEST_P(SubscriptionPast, RefusesAnAxisWithoutAMomentAndMomentsThatAreNone) {
  for (const char* path : {"/api/v1/subscriptions?", "/api/v1/subscriptions/sub_1?"}) {
    for (const char* query : {"time_axis=occurred", "as_of=yesterday",
                              "as_of=2026-01-01T00:00:00Z&time_axis=x", "as_of=", "as_of=2026-01-01"}) {
      const Answer answer = service_->Get(std::string(path) + query);
      EXPECT_EQ(answer.status, 422) << path << query;
      EXPECT_EQ(answer.Code(), "invalid_parameter") << path << query;
    }
  }
}

TEST_P(SubscriptionPast, EndsAPageEarlyWhereItWouldLookAtTooMuch) {
  // None of them is what is asked for, so that a page would have to look at all.
  constexpr int kSubscriptions = 2'100;
  std::vector<StripeEvent> events;
  for (int i = 0; i < kSubscriptions; ++i) {
    events.push_back(At(0, "evt_" + std::to_string(i), "created",
                        Paying("sub_" + std::to_string(i), 100, "usd", i == 999 ? "past_due" : "active")));
  }
  Post(events);
  const std::string path = "/api/v1/subscriptions?as_of=2026-01-02T00:00:00Z&status=trialing";
  const json first = service_->Get(path).Json();
  EXPECT_EQ(first["data"].size(), 0U);
  ASSERT_EQ(first["has_more"], true);
  const json second = service_->Get(path + "&cursor=" + first["next_cursor"].get<std::string>()).Json();
  EXPECT_EQ(second["data"].size(), 0U);
  EXPECT_EQ(second["has_more"], false);
  const std::vector<json> rows =
      All(*service_, "/api/v1/subscriptions?as_of=2026-01-02T00:00:00Z&status=past_due&limit=1");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["id"], "sub_999");
  EXPECT_EQ(All(*service_, "/api/v1/subscriptions?as_of=2026-01-02T00:00:00Z&limit=100").size(),
            std::size_t{kSubscriptions});
}

TEST_P(SubscriptionPast, OfLargeEventsFitsIntoPagesOfEightMebibytes) {
  constexpr int kEvents = 12;
  std::vector<StripeEvent> events;
  for (int i = 0; i < kEvents; ++i) {
    const std::string id = std::to_string(i);
    const Json large = {{"metadata", {{"note", std::string(900'000, 'x')}}}};
    events.push_back(At(kEvents - i, "evt_a" + id, "updated", With(Paying("sub_1", 100 + i), large)));
    events.push_back(At(0, "evt_b" + id, "created", With(Paying("sub_2" + id, 100), large)));
  }
  Post(events);
  for (const char* path : {"/api/v1/subscriptions/sub_1/history?limit=100",
                           "/api/v1/subscriptions?limit=100&as_of=2026-01-01T12:00:00Z"}) {
    const Answer first = service_->Get(path);
    EXPECT_EQ(first.Json()["has_more"], true) << path;
    EXPECT_LT(first.body.size(), 9U << 20) << path;
    EXPECT_EQ(All(*service_, path).size(), std::size_t{kEvents}) << path;
  }
  const std::vector<json> rows = All(*service_, "/api/v1/subscriptions/sub_1/history?limit=5");
  for (int i = 0; i < kEvents; ++i)
    EXPECT_EQ(rows.at(i)["event_id"], "evt_a" + std::to_string(kEvents - 1 - i));
}

// The promise: as of a moment, everything reads as if only the events until then had ever come.
TEST_P(SubscriptionPast, IsThatOfAServiceThatGotOnlyTheEventsUntilThen) {
  std::mt19937_64 random(20'260'101);
  const std::vector<StripeEvent> events = SubscriptionLives(random, 120);
  Post(events);
  for (int half_day : {0, 3, 5}) {
    const std::int64_t until = kNoon + half_day * 43'200;
    std::vector<StripeEvent> past;
    for (const StripeEvent& event : events) {
      if (event.created_s <= until) past.push_back(event);
    }
    std::shuffle(past.begin(), past.end(), random);
    const std::unique_ptr<RunningService> then = Start();
    Post(*then, past);
    const std::string as_of = "as_of=" + FormatRfc3339(until * kMicrosPerSecond);
    for (const std::string filter : {"", "&status=active", "&status=canceled", "&customer=cus_1",
                                     "&livemode=false", "&account=acct_1"}) {
      const std::vector<json> expected = All(*then, "/api/v1/subscriptions?limit=2" + filter);
      EXPECT_EQ(All(*service_, "/api/v1/subscriptions?limit=3&" + as_of + filter), expected) << filter;
      EXPECT_TRUE(!expected.empty() || !filter.empty());
    }
    for (const char* id : {"sub_1", "sub_2", "sub_3"}) {
      for (const std::string scope :
           {"", "&livemode=false", "&livemode=true&account=", "&account=acct_1&livemode=true"}) {
        const std::string path = std::string("/api/v1/subscriptions/") + id + "?wait_ms=1" + scope;
        const Answer expected = then->Get(path);
        const Answer answer = service_->Get(path + "&" + as_of);
        EXPECT_EQ(answer.status, expected.status) << path;
        if (answer.status != 200) continue;
        EXPECT_EQ(answer.Json(), expected.Json()) << path;
      }
    }
  }
}

TEST_P(SubscriptionPast, IsTheSameHistoryHoweverTheEventsArrived) {
  std::mt19937_64 random(7);
  std::vector<StripeEvent> events = SubscriptionLives(random, 150);
  Post(events);
  const std::unique_ptr<RunningService> other = Start();
  std::shuffle(events.begin(), events.end(), random);
  Post(*other, events);
  const auto history = [](RunningService& service, const std::string& path) {
    std::vector<json> rows = All(service, path);
    for (json& row : rows) {
      row.erase("position");
      row.erase("recorded_at");
    }
    return rows;
  };
  for (const char* id : {"sub_1", "sub_2", "sub_3"}) {
    const std::string subscription = std::string("/api/v1/subscriptions/") + id;
    const std::string scope = "?livemode=true&account=";
    const std::vector<json> rows = history(*service_, subscription + "/history" + scope + "&limit=100");
    ASSERT_GT(rows.size(), 10U);
    EXPECT_EQ(history(*other, subscription + "/history" + scope + "&limit=3"), rows);
    EXPECT_EQ(rows.back()["subscription"], service_->Get(subscription + scope).Json());
    std::set<std::string> ids;
    for (const json& row : rows) EXPECT_TRUE(ids.insert(row["event_id"]).second);
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, SubscriptionPast,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres), EngineName);

}  // namespace
}  // namespace billhook::test
