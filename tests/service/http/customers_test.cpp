// GET /api/v1/customers, their values joined from other read models, and their timelines, over a real socket
// on both engines.
#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

class HttpCustomers : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }

  void Post(std::string type, Json object, int second = 0, bool livemode = true, std::string account = "") {
    const StripeEvent event = {.id = "evt_" + std::to_string(++posted_),
                               .type = std::move(type),
                               .object = std::move(object),
                               .created_s = kNoon + second,
                               .livemode = livemode,
                               .account = std::move(account)};
    ASSERT_EQ(service_->PostWebhook(BodyOf(event)).status, 200);
  }

  Answer Get(const std::string& path) {
    return service_->Get(path + (path.find('?') == std::string::npos ? "?" : "&") +
                         "wait_ms=20000&min_position=" + std::to_string(posted_));
  }

  // The IDs that the list shows, each followed by a blank.
  std::string IdsAt(const std::string& path, const char* key = "id") {
    std::string ids;
    const Json page = Get(path).Json();
    for (const Json& row : page["data"]) ids += row[key].get<std::string>() + " ";
    return ids;
  }

  std::unique_ptr<RunningService> service_;
  int posted_ = 0;
};

Json Of(const std::string& customer, const Json& object) {
  return With(object, {{"customer", customer}});
}

TEST_P(HttpCustomers, ShowACustomerWithWhatItSubscribesToAndHasBroughtIn) {
  Post("customer.created", Customer("cus_1"));
  Post("customer.subscription.created", Subscription("sub_1", "active"));
  Post("customer.subscription.created", Subscription("sub_2", "active"));
  Post("customer.subscription.created", Subscription("sub_3", "past_due"));
  Post("charge.succeeded", Of("cus_1", Charge("ch_1", 5000)));
  Post("charge.succeeded",
       Of("cus_1", With(Charge("ch_2", 700), {{"currency", "eur"}, {"created", kNoon + 60}})));
  Post("refund.created", Refund("re_1", 1200, "ch_1"));
  Post("charge.succeeded", Of("cus_2", Charge("ch_3", 9999)));
  const Answer answer = Get("/api/v1/customers/cus_1");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Json customer = answer.Json();
  EXPECT_EQ(customer["email"], "jo@example.com");
  EXPECT_EQ(customer["deleted"], false);
  EXPECT_EQ(customer["active_subscriptions"], 2);
  EXPECT_EQ(customer["lifetime_value"], (Json{{"eur", 700}, {"usd", 3800}}));
  EXPECT_EQ(customer["last_payment"], (Json{{"id", "payment:ch_2"},
                                            {"amount", 700},
                                            {"currency", "eur"},
                                            {"occurred_at", "2026-01-01T12:01:00Z"}}));
  EXPECT_EQ(answer.Header("X-Projection-Position"), "8");
  EXPECT_FALSE(answer.Header("ETag").empty());
  EXPECT_EQ(Get("/api/v1/customers").Json()["data"][0], customer) << "the list shows the same";
}

TEST_P(HttpCustomers, ShowNothingBroughtInBeforeAnyPayment) {
  Post("customer.created", Customer("cus_1"));
  const Json customer = Get("/api/v1/customers/cus_1").Json();
  EXPECT_EQ(customer["active_subscriptions"], 0);
  EXPECT_EQ(customer["lifetime_value"], Json::object());
  EXPECT_EQ(customer["last_payment"], nullptr);
}

TEST_P(HttpCustomers, CountDisputesAndFeesAgainstLifetimeValueAndTakeTheGreaterIdOfPaymentsThatTie) {
  const Json paid =
      With(Charge("ch_1", 5000), {{"balance_transaction", BalanceTransaction("txn_1", 5000, 175)}});
  Post("customer.created", Customer("cus_1"));
  Post("charge.succeeded", Of("cus_1", paid));
  Post("charge.succeeded", Of("cus_1", Charge("ch_2", 800)));
  Post("charge.dispute.funds_withdrawn", Dispute("dp_1", 800, "ch_2", "needs_response"));
  const Json customer = Get("/api/v1/customers/cus_1").Json();
  EXPECT_EQ(customer["lifetime_value"], (Json{{"usd", 5000 - 175}}));
  EXPECT_EQ(customer["last_payment"]["id"], "payment:ch_2");
}

TEST_P(HttpCustomers, SumLifetimeValuesExactlyBeyondSixtyFourBits) {
  Post("customer.created", Customer("cus_1"));
  for (const char* id : {"ch_1", "ch_2", "ch_3"})
    Post("charge.succeeded", Of("cus_1", Charge(id, 9223372036854775807)));
  const std::string body = Get("/api/v1/customers/cus_1").body;
  EXPECT_NE(body.find(R"("lifetime_value":{"usd":27670116110564327421})"), std::string::npos) << body;
}

TEST_P(HttpCustomers, OfOneIdUnderTwoAccountsOrLivemodesShareNothing) {
  for (const auto& [livemode, account] :
       {std::pair(true, ""), std::pair(false, ""), std::pair(true, "acct_1")}) {
    Post("customer.created", Customer("cus_1"), 0, livemode, account);
    Post("charge.succeeded", Of("cus_1", Charge("ch_1", 100 + posted_)), 0, livemode, account);
  }
  Post("customer.subscription.created", Subscription("sub_1", "active"), 0, false);
  EXPECT_EQ(Get("/api/v1/customers/cus_1").status, 422);
  EXPECT_EQ(Get("/api/v1/customers/cus_1").Code(), "customer_ambiguous");
  EXPECT_EQ(Get("/api/v1/customers/cus_1?livemode=true").status, 422);
  const Json test_mode = Get("/api/v1/customers/cus_1?livemode=false").Json();
  EXPECT_EQ(test_mode["active_subscriptions"], 1);
  EXPECT_EQ(test_mode["lifetime_value"]["usd"], 103);
  const Json connected = Get("/api/v1/customers/cus_1?account=acct_1").Json();
  EXPECT_EQ(connected["active_subscriptions"], 0);
  EXPECT_EQ(connected["lifetime_value"]["usd"], 105);
  EXPECT_EQ(connected["last_payment"]["amount"], 105);
  EXPECT_EQ(IdsAt("/api/v1/customers"), "cus_1 cus_1 cus_1 ");
}

TEST_P(HttpCustomers, AreFilteredAndUnknownUntilAnEventTellsOfThem) {
  Post("customer.created", Customer("cus_1", "a@example.com"));
  Post("customer.created", Customer("cus_2", "b@example.com"));
  Post("customer.deleted", Customer("cus_2", "b@example.com"), 1);
  Post("customer.created", Customer("cus_3", "b@example.com"), 0, false, "acct_1");
  Post("charge.succeeded", Of("cus_4", Charge("ch_1", 100)));
  EXPECT_EQ(IdsAt("/api/v1/customers"), "cus_1 cus_2 cus_3 ");
  EXPECT_EQ(IdsAt("/api/v1/customers?deleted=true"), "cus_2 ");
  EXPECT_EQ(IdsAt("/api/v1/customers?deleted=false"), "cus_1 cus_3 ");
  EXPECT_EQ(IdsAt("/api/v1/customers?email=b%40example.com"), "cus_2 cus_3 ");
  EXPECT_EQ(IdsAt("/api/v1/customers?email=B%40example.com"), "");
  EXPECT_EQ(IdsAt("/api/v1/customers?livemode=false"), "cus_3 ");
  EXPECT_EQ(IdsAt("/api/v1/customers?account=acct_1&email=b%40example.com&deleted=false&livemode=false"),
            "cus_3 ");
  EXPECT_EQ(Get("/api/v1/customers/cus_4").status, 404);
  EXPECT_EQ(Get("/api/v1/customers/cus_1?livemode=false").status, 404);
  EXPECT_EQ(Get("/api/v1/customers/cus_2").Json()["deleted"], true);
  EXPECT_EQ(Get("/api/v1/customers?status=active").status, 422);
  EXPECT_EQ(Get("/api/v1/customers?deleted=1").status, 422);
  EXPECT_EQ(Get("/api/v1/projections/customers/state?key=cus_1").Json()["value"]["email"], "a@example.com");
}

TEST_P(HttpCustomers, ArePagedWithoutMissingOrRepeatingOneWhileOthersArrive) {
  constexpr int kCustomers = 11;
  for (int i = 0; i < kCustomers; ++i) Post("customer.created", Customer("cus_" + std::to_string(i)));
  std::set<std::string> seen;
  std::string cursor;
  for (int pages = 0; pages < kCustomers; ++pages) {
    const Json page = Get("/api/v1/customers?limit=3" + cursor).Json();
    for (const Json& row : page["data"]) EXPECT_TRUE(seen.insert(row["id"]).second) << row["id"];
    Post("customer.updated", Customer("cus_" + std::to_string(pages)), 1);
    Post("customer.created", Customer("cus_0" + std::to_string(pages)));
    if (!page["has_more"]) break;
    cursor = "&cursor=" + page["next_cursor"].get<std::string>();
  }
  for (int i = 0; i < kCustomers; ++i) EXPECT_EQ(seen.count("cus_" + std::to_string(i)), 1u) << i;
}

TEST_P(HttpCustomers, HaveATimelineInOrderOfTime) {
  Post("refund.created", Refund("re_1", 100, "ch_1"), 3);
  Post("charge.succeeded", Of("cus_1", Charge("ch_1", 100)), 2);
  Post("customer.created", Customer("cus_1"), 0);
  Post("charge.dispute.created", Dispute("dp_1", 100, "ch_1", "lost"), 2);
  Post("charge.succeeded", Of("cus_2", Charge("ch_2", 100)), 1);
  const std::string path = "/api/v1/customers/cus_1/timeline";
  EXPECT_EQ(IdsAt(path, "event_id"), "evt_3 evt_2 evt_4 evt_1 ");
  const Answer answer = Get(path);
  EXPECT_EQ(answer.Header("X-Projection-Position"), "5");
  EXPECT_EQ(answer.Json()["data"][3], (Json{{"event_id", "evt_1"},
                                            {"event_type", "refund.created"},
                                            {"object", "refund"},
                                            {"object_id", "re_1"},
                                            {"amount", 100},
                                            {"currency", "usd"},
                                            {"status", "succeeded"},
                                            {"livemode", true},
                                            {"account", nullptr},
                                            {"occurred_at", "2026-01-01T12:00:03Z"}}));
  std::string ids;
  std::string cursor;
  for (int pages = 0; pages < 5; ++pages) {
    const Json page = Get(path + "?limit=1" + cursor).Json();
    for (const Json& row : page["data"]) ids += row["event_id"].get<std::string>() + " ";
    if (!page["has_more"]) break;
    cursor = "&cursor=" + page["next_cursor"].get<std::string>();
    // Stands behind the first page, and before the others.
    if (pages == 0 || pages == 2) Post("customer.updated", Customer("cus_1"), 0);
  }
  EXPECT_EQ(ids, "evt_3 evt_6 evt_2 evt_4 evt_1 ");
}

TEST_P(HttpCustomers, HaveTimelinesAlsoBeforeTheirOwnEventsAndNoneWithoutAny) {
  Post("charge.succeeded", Of("cus_1", Charge("ch_1", 100)));
  Post("customer.created", Customer("cus_2"));
  Post("charge.succeeded", Of("cus_2", Charge("ch_2", 100)), 1, false, "acct_1");
  EXPECT_EQ(IdsAt("/api/v1/customers/cus_1/timeline", "event_id"), "evt_1 ");
  EXPECT_EQ(Get("/api/v1/customers/cus_2/timeline").Code(), "customer_ambiguous");
  EXPECT_EQ(IdsAt("/api/v1/customers/cus_2/timeline?livemode=true", "event_id"), "evt_2 ");
  EXPECT_EQ(IdsAt("/api/v1/customers/cus_2/timeline?livemode=false", "event_id"), "evt_3 ");
  EXPECT_EQ(IdsAt("/api/v1/customers/cus_2/timeline?account=acct_1", "event_id"), "evt_3 ");
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline?livemode=false").status, 404);
  EXPECT_EQ(Get("/api/v1/customers/cus_9/timeline").status, 404);
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline?type=charge").status, 422);
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline?cursor=5b227a7a222c2278225d").status, 422);
  const std::string beyond =
      "5b22393939393939393939393939393939393939222c2278225d";  // ["999999999999999999","x"]
  EXPECT_EQ(Get("/api/v1/customers/cus_1/timeline?cursor=" + beyond).Json()["data"].size(), 0u);
}

TEST_P(HttpCustomers, OfOneIdUnderSeveralAccountsOrLivemodesHaveTimelinesOfTheirOwn) {
  for (const auto& [livemode, account] : {std::pair(true, ""), std::pair(true, "acct_1"),
                                          std::pair(true, "acct_2"), std::pair(false, "acct_1")})
    Post("customer.created", Customer("cus_1"), 0, livemode, account);
  const std::string path = "/api/v1/customers/cus_1/timeline";
  for (const char* filter : {"", "?livemode=true", "?account=acct_1"}) {
    EXPECT_EQ(Get(path + filter).status, 422) << filter;
    EXPECT_EQ(Get(path + filter).Code(), "customer_ambiguous") << filter;
  }
  EXPECT_EQ(IdsAt(path + "?livemode=true&account=acct_1", "event_id"), "evt_2 ");
  EXPECT_EQ(IdsAt(path + "?account=acct_2", "event_id"), "evt_3 ");
  EXPECT_EQ(IdsAt(path + "?livemode=false", "event_id"), "evt_4 ");
  EXPECT_EQ(Get(path + "?livemode=false&account=acct_2").status, 404);
}

INSTANTIATE_TEST_SUITE_P(Engines, HttpCustomers, ::testing::Values(Engine::kSqliteMemory, Engine::kPostgres),
                         &EngineName);

}  // namespace
}  // namespace billhook::test
