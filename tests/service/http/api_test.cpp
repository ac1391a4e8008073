// The HTTP API over a real socket: reads, keys and roles, errors, pages.
#include <cstdlib>
#include <future>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "domain/sha256.h"
#include "projections/registry.h"
#include "service/http/latest_page.h"
#include "tests/support/bodies.h"
#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

// Until the service shows everything up to the position.
std::string Await(std::int64_t position) {
  return "min_position=" + std::to_string(position) + "&wait_ms=20000";
}

TEST(HttpApi, ShowsASubscriptionAndALedgerEntryThatAWebhookMade) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.PostWebhook(ChargeEvent("evt_2", "ch_1", "1500"));
  const Answer subscription = service.Get("/api/v1/subscriptions/sub_1?" + Await(2));
  ASSERT_EQ(subscription.status, 200) << subscription.body;
  EXPECT_EQ(subscription.Json()["mrr"], 3000);
  EXPECT_EQ(subscription.Json()["updated_by"], "evt_1");
  EXPECT_EQ(subscription.Header("X-Projection-Position"), "2");
  const Answer entries = service.Get("/api/v1/ledger/entries?" + Await(2));
  ASSERT_EQ(entries.Json()["data"].size(), 1U);
  EXPECT_EQ(entries.Json()["data"][0]["id"], "payment:ch_1");
  const nlohmann::json balance = service.Get("/api/v1/ledger/balances").Json()["data"][0];
  EXPECT_EQ(balance["gross"], 1500);
  EXPECT_EQ(balance["accounts"]["stripe_balance"], 1500);
  EXPECT_EQ(balance["accounts"]["payments"], -1500);
  EXPECT_EQ(balance["entries"], 1);
}

TEST(HttpApi, AnswersAnEtagAndNothingNewToWhoKnowsIt) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  const Answer first = service.Get("/api/v1/subscriptions/sub_1?" + Await(1));
  const std::string tag = first.Header("ETag");
  ASSERT_FALSE(tag.empty());
  const Answer again =
      service.Get("/api/v1/subscriptions/sub_1",
                  {{"If-None-Match", tag}, {"Connection", "close"}});  // httplib reads a 304 to its end
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  service.PostWebhook(SubscriptionEvent("evt_2", "sub_1", "past_due"));
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_1?" + Await(2), {{"If-None-Match", tag}}).status, 200);
}

TEST(HttpApi, LetsAReaderOfTheLogWaitForWhatIsYetToCome) {
  RunningService service;
  auto later = std::async(std::launch::async, [address = service.address()] {
    return http::Client(address).Send("GET", "/api/v1/events?" + Await(1));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // time to be refused, if it were
  service.PostWebhook(CustomerEvent("evt_1"));
  EXPECT_EQ(later.get()->status, 200);
}

TEST(HttpApi, SaysWhenAProjectionDoesNotGetThereInTime) {
  RunningService service;
  const Answer answer = service.Get("/api/v1/subscriptions?min_position=1&wait_ms=10");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.Code(), "projection_behind");
  EXPECT_FALSE(answer.Header("Retry-After").empty());
}

TEST(HttpApi, PagesThroughAListWithoutMissingOrRepeatingARow) {
  RunningService service;
  constexpr int kSubscriptions = 25;
  for (int i = 0; i < kSubscriptions; ++i) {
    service.PostWebhook(SubscriptionEvent("evt_" + std::to_string(i), "sub_" + std::to_string(i), "active"));
  }
  std::set<std::string> seen;
  std::string path = "/api/v1/subscriptions?limit=4&" + Await(kSubscriptions);
  for (int pages = 0; pages < 10; ++pages) {
    const nlohmann::json page = service.Get(path).Json();
    EXPECT_EQ(page["object"], "list");
    for (const nlohmann::json& row : page["data"]) EXPECT_TRUE(seen.insert(row["id"]).second) << row["id"];
    if (!page["has_more"]) {
      EXPECT_TRUE(page["next_cursor"].is_null());
      break;
    }
    path = "/api/v1/subscriptions?limit=4&cursor=" + page["next_cursor"].get<std::string>();
    service.PostWebhook(
        SubscriptionEvent("evt_new" + std::to_string(pages), "sub_" + std::to_string(pages), "past_due"));
  }
  EXPECT_EQ(seen.size(), std::size_t{kSubscriptions});
}

TEST(HttpApi, FiltersSubscriptions) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.PostWebhook(SubscriptionEvent("evt_2", "sub_2", "canceled"));
  service.PostWebhook(SubscriptionEvent("evt_3", "sub_2", "active", R"("livemode":false)"));
  service.PostWebhook(SubscriptionEvent("evt_4", "sub_2", "active", R"("livemode":true,"account":"acct_1")"));
  const auto count = [&](const std::string& filter) {
    return service.Get("/api/v1/subscriptions?" + Await(4) + "&" + filter).Json()["data"].size();
  };
  EXPECT_EQ(count(""), 4U);
  EXPECT_EQ(count("status=active"), 3U);
  EXPECT_EQ(count("status=active&livemode=true"), 2U);
  EXPECT_EQ(count("account=acct_1"), 1U);
  EXPECT_EQ(count("customer=cus_1"), 4U);
  EXPECT_EQ(count("customer=cus_2"), 0U);
  EXPECT_EQ(count("price=price_1"), 4U);
  EXPECT_EQ(count("price=price_"), 0U);
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_2").status, 422) << "the ID stands three times";
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_2?livemode=false").Json()["livemode"], false);
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_2?account=acct_1").Json()["account"], "acct_1");
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_9").status, 404);
}

TEST(HttpApi, SumsBalancesExactlyBeyondSixtyFourBits) {
  RunningService service;
  const std::string most = "9223372036854775807";
  for (int i = 1; i <= 3; ++i)
    service.PostWebhook(ChargeEvent("evt_" + std::to_string(i), "ch_" + std::to_string(i), most));
  const std::string body = service.Get("/api/v1/ledger/balances?" + Await(3)).body;
  EXPECT_NE(body.find(R"("gross":27670116110564327421,)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("payments":-27670116110564327421)"), std::string::npos) << body;
}

TEST(HttpApi, FiltersLedgerEntriesAndBalances) {
  RunningService service;
  service.PostWebhook(ChargeEvent("evt_1", "ch_1", "100"));
  service.PostWebhook(ChargeEvent("evt_2", "ch_2", "200", "JPY"));
  const auto ids = [&](const std::string& filter) {
    std::string joined;
    const nlohmann::json page = service.Get("/api/v1/ledger/entries?" + Await(2) + "&" + filter).Json();
    for (const nlohmann::json& row : page["data"]) {
      joined += row["id"].get<std::string>() + " ";
    }
    return joined;
  };
  EXPECT_EQ(ids("currency=jpy"), "payment:ch_2 ") << "currencies are lower-cased";
  EXPECT_EQ(ids("type=payment&source=ch_1"), "payment:ch_1 ");
  EXPECT_EQ(ids("type=refund"), "");
  EXPECT_EQ(ids("from=2025-12-31T23:59:59Z&to=2025-12-31T23:59:59Z"), "payment:ch_1 payment:ch_2 ")
      << "bounds are inclusive";
  EXPECT_EQ(ids("to=2025-12-31T23:59:58Z"), "");
  EXPECT_EQ(service.Get("/api/v1/ledger/balances?customer=cus_1&currency=usd").Json()["data"][0]["gross"],
            100);
  EXPECT_EQ(service.Get("/api/v1/ledger/balances?customer=cus_9").Json()["data"].size(), 0U);
}

TEST(HttpApi, TellsBalancesAsOfATimeByWhatWasTrueAndByWhatWasKnown) {
  RunningService service;
  // The refund happens an hour after the charge and is told of first.
  const std::string refund =
      R"({"id":"evt_2","type":"refund.created","created":1767229200,"livemode":true,"data":{"object":{"object":"refund",)"
      R"("id":"re_1","amount":30,"charge":"ch_1","currency":"usd","status":"succeeded","created":1767229200}}})";
  service.PostWebhook(refund);
  const std::string known = service.Get("/api/v1/events").Json()["data"][0]["recorded_at"];
  service.PostWebhook(ChargeEvent("evt_1", "ch_1", "100"));
  const auto balance = [&](const std::string& parameters) {
    const nlohmann::json page = service.Get("/api/v1/ledger/balances?" + Await(2) + parameters).Json();
    return page["data"].empty() ? nlohmann::json::object() : page["data"][0];
  };
  EXPECT_EQ(balance("")["net"], 70);
  EXPECT_EQ(balance("&as_of=2099-01-01T00:00:00Z"), balance(""));
  EXPECT_EQ(balance("&as_of=2099-01-01T00:00:00Z&time_axis=recorded"), balance(""));
  EXPECT_EQ(balance("&as_of=2026-01-01T00:59:59Z")["net"], 100) << "before the refund happened";
  EXPECT_EQ(balance("&as_of=2026-01-01T01:00:00Z")["net"], 70) << "the bound is inclusive";
  EXPECT_EQ(balance("&as_of=2025-12-31T00:00:00Z"), nlohmann::json::object());
  EXPECT_EQ(balance("&time_axis=recorded&as_of=" + known)["net"], -30) << "the charge was not known yet";
  EXPECT_EQ(balance("&time_axis=recorded&as_of=2026-01-01T02:00:00Z"), nlohmann::json::object());
  EXPECT_EQ(service.Get("/api/v1/ledger/balances?time_axis=recorded").status, 422);
  EXPECT_EQ(service.Get("/api/v1/ledger/balances?as_of=2026-01-01T00:00:00Z&time_axis=known").status, 422);
  EXPECT_EQ(service.Get("/api/v1/ledger/balances?as_of=yesterday").status, 422);
  EXPECT_EQ(service.Get("/api/v1/ledger/entries?as_of=2026-01-01T00:00:00Z").status, 422);
}

TEST(HttpApi, TriesADeadLetterAgainAndForgetsIt) {
  RunningService service;
  service.PostWebhook(ChargeEvent("evt_1", "ch_1", "1e3"));
  const nlohmann::json letters = service.Get("/api/v1/dead-letters?" + Await(1)).Json()["data"];
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0]["id"], "payment_ledger:1");
  EXPECT_EQ(letters[0]["event_id"], "evt_1");
  const Answer again = service.Send("POST", "/api/v1/dead-letters/payment_ledger:1/retry");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.Json()["applied"], false);
  EXPECT_EQ(again.Json()["dead_letter"]["attempts"], 2);
  for (const char* unknown :
       {"payment_ledger:2", "subscriptions:1", "nothing:1", "payment_ledger", "payment_ledger:x"}) {
    EXPECT_EQ(service.Send("POST", std::string("/api/v1/dead-letters/") + unknown + "/retry").status, 404);
    EXPECT_EQ(service.Send("DELETE", std::string("/api/v1/dead-letters/") + unknown).status, 404);
  }
  EXPECT_EQ(service.Send("DELETE", "/api/v1/dead-letters/payment_ledger:1").status, 204);
  EXPECT_EQ(service.Get("/api/v1/dead-letters").Json()["data"].size(), 0U);
}

TEST(HttpApi, TriesAllDeadLettersOfATenantAgainOrThoseOfOneProjection) {
  RunningService service(Environment{{"STRIPE_WEBHOOK_SECRET__OTHER", "whsec_other"},
                                     {"API_KEYS", "a:operator:key-a,b:operator:key-b:other"}});
  const http::Fields own = {{"Authorization", "Bearer key-a"}};
  const http::Fields other = {{"Authorization", "Bearer key-b"}};
  for (const char* id : {"1", "2", "3"})
    service.PostWebhook(ChargeEvent(std::string("evt_") + id, std::string("ch_") + id, "1e3"));
  ASSERT_EQ(service.Get("/api/v1/dead-letters?" + Await(3), own).Json()["data"].size(), 3U);
  const auto retry = [&](const std::string& query, const http::Fields& caller) {
    return service.Send("POST", "/api/v1/dead-letters/retry" + query, caller);
  };
  const nlohmann::json all = retry("", own).Json();
  EXPECT_EQ(all["object"], "dead_letter_retry");
  EXPECT_EQ(all["applied"], 0);
  EXPECT_EQ(all["failed"], 3);
  EXPECT_EQ(all["has_more"], false);
  EXPECT_TRUE(all["next_cursor"].is_null());
  EXPECT_EQ(retry("?projection=payment_ledger", own).Json()["failed"], 3);
  EXPECT_EQ(retry("?projection=customers", own).Json()["failed"], 0);
  EXPECT_EQ(retry("", other).Json()["failed"], 0) << "another tenant's are not touched";
  EXPECT_EQ(service.Get("/api/v1/dead-letters", own).Json()["data"][0]["attempts"], 3);
  EXPECT_EQ(retry("?projection=nothing", own).status, 422);
  EXPECT_EQ(retry("?cursor=00", own).status, 422);
  EXPECT_EQ(retry("?limit=5", own).status, 422);
  EXPECT_EQ(service.Send("POST", "/api/v1/dead-letters/retry", own, "{\"force\":true}").status, 422);
}

TEST(HttpApi, ReadsTheLogAsAWholeAndByStream) {
  RunningService service;
  service.PostWebhook(CustomerEvent("evt_1", "cus_1"));
  service.PostWebhook(CustomerEvent("evt_2", "cus_2"));
  service.PostWebhook(CustomerEvent("evt_3", "cus_1"));
  const nlohmann::json all = service.Get("/api/v1/events?after_position=1").Json()["data"];
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0]["position"], 2);
  EXPECT_EQ(all[0]["source"], "stripe");
  EXPECT_EQ(all[0]["caused_by"], "evt_2");
  EXPECT_EQ(all[0]["occurred_at"], "2026-01-01T00:00:00Z");
  EXPECT_EQ(service.Get("/api/v1/events?caused_by=evt_3").Json()["data"][0]["position"], 3);
  EXPECT_EQ(service.Get("/api/v1/events?source=api").Json()["data"].size(), 0U);
  EXPECT_EQ(service.Get("/api/v1/events?from=2026-01-01T00:00:01Z").Json()["data"].size(), 0U);
  const nlohmann::json stream = service.Get("/api/v1/events/cus_1?from_version=2").Json()["data"];
  ASSERT_EQ(stream.size(), 1U);
  EXPECT_EQ(stream[0]["version"], 2);
  EXPECT_EQ(service.Get("/api/v1/events/cus_9").status, 404);
  const nlohmann::json statistics = service.Get("/api/v1/statistics").Json();
  EXPECT_EQ(statistics["total_events"], 3);
  EXPECT_EQ(statistics["events_by_type"]["customer.updated"], 3);
  EXPECT_EQ(statistics["events_by_aggregate_type"]["customer"], 3);
  EXPECT_EQ(statistics["latest_position"], 3);
}

TEST(HttpApi, AsksForTheTypeOfAnIdThatStandsUnderTwo) {
  RunningService service;
  service.PostWebhook(CustomerEvent("evt_1", "x_1"));
  service.PostWebhook(SubscriptionEvent("evt_2", "x_1", "active"));
  EXPECT_EQ(service.Get("/api/v1/events/x_1").Code(), "aggregate_ambiguous");
  EXPECT_EQ(service.Get("/api/v1/events/x_1?aggregate_type=customer").Json()["data"][0]["caused_by"],
            "evt_1");
}

TEST(HttpApi, ShowsAProjectionsStateByKey) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.PostWebhook(SubscriptionEvent("evt_2", "sub_2", "canceled"));
  service.PostWebhook(ChargeEvent("evt_3", "ch_1", "700"));
  const nlohmann::json state = service.Get("/api/v1/projections/subscriptions/state?" + Await(3)).Json();
  EXPECT_EQ(state["state"]["sub_2"]["status"], "canceled");
  const nlohmann::json active = service.Get("/api/v1/projections/active_subscriptions/state").Json();
  EXPECT_EQ(active["state"].size(), 1U);
  EXPECT_EQ(service.Get("/api/v1/projections/payment_ledger/state?key=ch_1&" + Await(3)).Json()["value"],
            700);
  EXPECT_EQ(service.Get("/api/v1/projections/payment_ledger/state?key=ch_9").status, 404);
  EXPECT_EQ(service.Get("/api/v1/projections/nothing/state").status, 404);
  EXPECT_EQ(service.Get("/api/v1/projections").Json()["data"].size(), AllProjections().size());
}

TEST(HttpApi, RebuildsAProjectionOnRequest) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.Get("/api/v1/subscriptions?" + Await(1));
  const Answer accepted = service.Post("/api/v1/projections/subscriptions/rebuild", "");
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.Json()["name"], "subscriptions");
  EXPECT_EQ(service.Get("/api/v1/subscriptions/sub_1").status, 200);
  EXPECT_EQ(service.Post("/api/v1/projections/nothing/rebuild", "").status, 404);
}

TEST(HttpApi, RefusesBadParametersAndNamesThem) {
  RunningService service;
  for (const char* query :
       {"limit=0", "limit=101", "limit=x", "cursor=zz", "cursor=00", "livemode=yes", "unknown=1",
        "status=a&status=b", "min_position=-1", "wait_ms=30001", "status=%ff", "status=%zz"}) {
    const Answer answer = service.Get(std::string("/api/v1/subscriptions?") + query);
    EXPECT_EQ(answer.status, 422) << query;
    EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
    EXPECT_FALSE(answer.Json()["errors"].empty()) << query;
    EXPECT_EQ(answer.Json()["request_id"], answer.Header("X-Request-Id"));
  }
  EXPECT_EQ(service.Get("/api/v1/ledger/entries?from=yesterday").status, 422);
  EXPECT_EQ(service.Get("/api/v1/events?source=nobody").status, 422);
}

TEST(HttpApi, MakesTheMetricsForAllWhoAskWithinAMoment) {
  RunningService service;
  std::string first;
  std::string second;
  std::chrono::steady_clock::time_point began;
  do {  // again where the machine stalled for longer
    began = std::chrono::steady_clock::now();
    first = service.Get("/metrics").body;
    second = service.Get("/metrics").body;  // which otherwise counts the request before
  } while (std::chrono::steady_clock::now() - began >= http::LatestPage::kFreshFor);
  EXPECT_NE(first.find("billhook_projection_lag_events"), std::string::npos);
  EXPECT_EQ(first, second);
}

TEST(HttpApi, TellsTheFirstHundredOfManyFaults) {
  RunningService service;
  nlohmann::json event = {{"aggregate_type", "o"}, {"aggregate_id", "1"}, {"event_type", "E"}, {"data", {}}};
  for (int i = 0; i < 10'000; ++i) event["surprise_" + std::to_string(i)] = i;
  const Answer answer = service.Post("/api/v1/events", event.dump());
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.Json()["errors"].size(), 100U);
}

TEST(HttpApi, AnswersAnyNumberOfDifferentQueriesOnOneSession) {
  for (const Engine engine : {Engine::kSqliteMemory, Engine::kPostgres}) {
    const TestDatabase database(engine);
    if (!database.available() && std::getenv("CI") == nullptr) continue;
    ASSERT_TRUE(database.available());
    RunningService service(Environment{{"DATABASE_URL", database.url()}, {"DB_POOL_SIZE", "1"}});
    const char* filters[] = {"status=a&", "customer=a&", "price=a&", "livemode=true&", "account=a&"};
    for (int chosen = 0; chosen < 32; ++chosen) {
      std::string path = "/api/v1/subscriptions?";
      for (int i = 0; i < 5; ++i) path += (chosen >> i & 1) != 0 ? filters[i] : "";
      for (int limit = 1; limit <= 100; limit += 9) {
        ASSERT_EQ(service.Get(path + "limit=" + std::to_string(limit)).status, 200) << path;
      }
    }
    const char* ledger[] = {"customer=a&",
                            "currency=a&",
                            "type=a&",
                            "source=a&",
                            "livemode=true&",
                            "account=a&",
                            "from=2026-01-01T00:00:00Z&",
                            "to=2026-01-01T00:00:00Z&"};
    for (int chosen = 0; chosen < 256; ++chosen) {
      std::string path = "/api/v1/ledger/entries?";
      for (int i = 0; i < 8; ++i) path += (chosen >> i & 1) != 0 ? ledger[i] : "";
      ASSERT_EQ(service.Get(path).status, 200) << path;
    }
  }
}

TEST(HttpApi, KeepsThreadsForWebhooksWhileReadersWait) {
  RunningService service(Environment{{"HTTP_THREADS", "4"}});
  std::vector<std::future<int>> readers;
  for (int reader = 0; reader < 8; ++reader) {
    readers.push_back(std::async(std::launch::async, [address = service.address()] {
      http::Client client(address);
      int tries = 1;
      // Where too many wait already, the answer comes at once and says: try again.
      while (client.Send("GET", "/api/v1/subscriptions?min_position=2&wait_ms=20000")->status == 503) ++tries;
      return tries;
    }));
  }
  EXPECT_EQ(service.PostWebhook(CustomerEvent("evt_1")).status, 200);
  EXPECT_EQ(service.PostWebhook(CustomerEvent("evt_2")).status, 200);
  for (std::future<int>& reader : readers) EXPECT_GE(reader.get(), 1);
}

TEST(HttpApi, TellsTestAndLiveRowsWithOneIdApart) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.PostWebhook(SubscriptionEvent("evt_2", "sub_1", "canceled", R"("livemode":false)"));
  service.PostWebhook(SubscriptionEvent("evt_3", "sub_2", "active"));
  const std::string path = "/api/v1/projections/subscriptions/state?" + Await(3);
  const nlohmann::json state = service.Get(path).Json()["state"];
  EXPECT_EQ(state["live//sub_1"]["status"], "active");
  EXPECT_EQ(state["test//sub_1"]["status"], "canceled");
  EXPECT_EQ(state["sub_2"]["status"], "active");
  EXPECT_EQ(service.Get(path + "&key=sub_1").Code(), "key_ambiguous");
  EXPECT_EQ(service.Get(path + "&key=test//sub_1").Json()["value"]["status"], "canceled");
}

TEST(HttpApi, NamesAKeyOfAStateAlikeOnPagesOfAnySize) {
  RunningService service;
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
  service.PostWebhook(SubscriptionEvent("evt_2", "sub_2", "active"));
  service.PostWebhook(SubscriptionEvent("evt_3", "sub_2", "canceled", R"("livemode":false)"));
  service.PostWebhook(SubscriptionEvent("evt_4", "sub_3", "active"));
  const std::string path = "/api/v1/projections/subscriptions/state?" + Await(4);
  for (const char* limit : {"1", "2", "3", "4"}) {
    std::set<std::string> keys;
    std::string cursor;
    for (int page = 0; page < 4; ++page) {
      const nlohmann::json answer = service.Get(path + "&limit=" + limit + cursor).Json();
      for (const auto& [key, value] : answer["state"].items()) keys.insert(key);
      if (!answer["has_more"]) break;
      cursor = "&cursor=" + answer["next_cursor"].get<std::string>();
    }
    EXPECT_EQ(keys, (std::set<std::string>{"live//sub_2", "sub_1", "sub_3", "test//sub_2"})) << limit;
  }
}

TEST(HttpApi, RefusesACursorOfAnotherList) {
  RunningService service;
  for (const char* path : {"/api/v1/events?cursor=", "/api/v1/dead-letters?cursor="}) {
    EXPECT_EQ(service.Get(std::string(path) + "5b22616263225d").status, 422) << path;        // ["abc"]
    EXPECT_EQ(service.Get(std::string(path) + "5b222d35225d").status, 422) << path;          // ["-5"]
    EXPECT_EQ(service.Get(std::string(path) + "5b227a7a222c2278225d").status, 422) << path;  // ["zz","x"]
  }
}

TEST(HttpApi, WaitsForAPositionOnEveryRead) {
  RunningService service;
  service.PostWebhook(R"({"id":"evt_1","object":"event","type":"charge.succeeded","created":1,"data":{}})");
  EXPECT_EQ(service.Get("/api/v1/dead-letters?" + Await(1)).Json()["data"].size(), 2U)
      << "one of the ledger, one of the timeline";
  EXPECT_EQ(service.Get("/api/v1/projections?limit=1&" + Await(1)).Json()["data"][0]["position"], 1);
  EXPECT_EQ(service.Get("/api/v1/projections/statistics?" + Await(1)).Json()["position"], 1);
  EXPECT_EQ(service.Get("/api/v1/projections?limit=2").Json()["has_more"], true);
}

TEST(HttpApi, AnswersUnknownPathsAndMethods) {
  RunningService service;
  EXPECT_EQ(service.Get("/nothing").status, 404);
  EXPECT_EQ(service.Get("/api/v1/nothing").status, 404);
  const Answer answer = service.Send("DELETE", "/api/v1/subscriptions");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.Header("Allow"), "GET, HEAD");
}

// RFC 9110, 11.1 and 11.4.
TEST(HttpApi, ReadsTheSchemeInAnyCaseAndAnyNumberOfBlanksAfterIt) {
  RunningService service(Environment{{"API_KEYS", "r:reader:key-r"}});
  const auto code = [&](const http::Fields& headers) {
    const Answer answer = service.Get("/api/v1/statistics", headers);
    return answer.status == 200 ? "in" : std::to_string(answer.status) + " " + answer.Code();
  };
  for (const char* good :
       {"Bearer key-r", "bearer key-r", "BEARER key-r", "bEaReR    key-r", "Bearer key-r  "})
    EXPECT_EQ(code({{"Authorization", good}}), "in") << good;
  for (const char* bad : {"Bearer", "Bearer ", "Bearerkey-r", "key-r", "", "Bearer=key-r", "Bear key-r"})
    EXPECT_EQ(code({{"Authorization", bad}}), "401 key_missing") << bad;
  for (const char* unknown : {"Bearer KEY-R", "Bearer key-r key-r", "Bearer key-r,", "Bearer bearer key-r"})
    EXPECT_EQ(code({{"Authorization", unknown}}), "401 key_unknown") << unknown;
}

TEST(HttpApi, TakesNoneOfTwoAuthorizations) {
  RunningService service(Environment{{"API_KEYS", "r:reader:key-r,a:admin:key-a"}});
  for (const char* second : {"Bearer key-r", "Bearer key-a", "Bearer stolen", "Basic eDp5"}) {
    const Answer answer =
        service.Get("/api/v1/statistics", {{"Authorization", "Bearer key-r"}, {"authorization", second}});
    EXPECT_EQ(answer.status, 401) << second;
    EXPECT_EQ(answer.Code(), "key_missing") << second;
  }
}

// Every route with every role: nobody gets in below the route's role, nobody is kept out at or above it.
TEST(HttpApi, AsksEveryRouteForItsRole) {
  RunningService service(Environment{{"API_KEYS", "r:reader:key-r,o:operator:key-o,a:admin:key-a"}});
  const std::pair<const char*, Role> callers[] = {
      {"key-r", Role::kReader}, {"key-o", Role::kOperator}, {"key-a", Role::kAdmin}};
  int guarded = 0;
  for (const http::Route& route : service.api().routes()) {
    const std::string path = route.pattern.substr(0, route.pattern.find('{')) +
                             (route.pattern.find('{') == std::string::npos
                                  ? ""
                                  : "x" + route.pattern.substr(route.pattern.find('}') + 1));
    const auto status = [&](const http::Fields& headers) {
      return service.Send(route.method, path, headers).status;
    };
    if (!route.role) {
      EXPECT_NE(status({}), 401) << path;
      EXPECT_EQ(route.pattern.rfind("/api/", 0), std::string::npos) << route.pattern << " is open";
      continue;
    }
    ++guarded;
    EXPECT_EQ(status({}), 401) << path;
    EXPECT_EQ(status({{"Authorization", "Bearer nobody"}}), 401) << path;
    EXPECT_EQ(status({{"Authorization", "Basic key-a"}}), 401) << path;
    for (const auto& [key, role] : callers) {
      const int answer = status({{"Authorization", std::string("Bearer ") + key}});
      EXPECT_NE(answer, 401) << path;
      EXPECT_EQ(answer == 403, role < *route.role) << route.method << " " << path << " as " << NameOf(role);
    }
  }
  EXPECT_GT(guarded, 8);
  EXPECT_EQ(service.Get("/api/v1/nothing").status, 401) << "unknown paths tell nothing to strangers";
}

TEST(HttpApi, LimitsHowOftenAKeyMayAskButNoWebhook) {
  RunningService service({{"API_KEYS", "a:reader:key-a,b:reader:key-b"}, {"API_RATE_LIMIT", "5"}});
  const auto ask = [&](const std::string& key) {
    return service.Get("/api/v1/statistics", {{"Authorization", "Bearer " + key}});
  };
  const auto refused = [&](const std::string& key) {  // sooner or later, at more than five a second
    Answer answer = ask(key);
    while (answer.status != 429) answer = ask(key);
    return answer;
  };
  const Answer answer = refused("key-a");
  EXPECT_EQ(answer.Code(), "rate_limited");
  EXPECT_EQ(answer.Header("Retry-After"), "1");
  EXPECT_EQ(ask("key-b").status, 200) << "one key does not use up another's share";
  int guesses = 0;  // another key each time: who guesses is counted by address
  while (guesses < 1'000 && ask("guess-" + std::to_string(guesses)).status == 401) ++guesses;
  EXPECT_LT(guesses, 1'000);
  EXPECT_EQ(ask("key-b").status, 200);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(service.PostWebhook(SubscriptionEvent("evt_" + std::to_string(i), "sub_1", "active")).status,
              200);
  EXPECT_EQ(service.Get("/health/live").status, 200);
}

TEST(HttpApi, KeepsAKeysShareHoweverManyAddressesAsk) {
  Metrics metrics;
  Config config;
  config.api_keys = {{"a", Role::kReader, Sha256({"key-a"}), "default"}};
  config.api_rate_limit = 1;
  http::Api api(config, metrics);
  api.Add({"GET", "/api/v1/statistics", Role::kReader, {}, [](http::Call&) { return http::Response(); }});
  http::Request request;
  request.method = "GET";
  request.path = "/api/v1/statistics";
  for (int i = 0; i < 20'000; ++i) {  // more than there are places for
    request.remote_address =
        "2001:db8:" + std::to_string(i / 9'000) + ":" + std::to_string(i % 9'000) + "::1";
    Await(api.Handle(request));
  }
  EXPECT_EQ(Await(api.Handle(request)).status, 429);
  request.headers = {{"Authorization", "Bearer key-a"}};
  EXPECT_EQ(Await(api.Handle(request)).status, 200);
}

TEST(HttpApi, LimitsEachCallerBehindATrustedProxyByItself) {
  const auto asks = [](RunningService& service, const std::string& forwarded_for) {
    return service.Get("/api/v1/statistics", {{"X-Forwarded-For", forwarded_for}}).status;
  };
  // Whether callers of these addresses, another number in place of # each, have one share together.
  const auto share = [&](RunningService& service, const std::string& addresses) {
    for (int i = 1; i < 250; ++i) {
      std::string one = addresses;
      one.replace(one.find('#'), 1, std::to_string(i));
      if (asks(service, one) == 429) return true;
    }
    return false;
  };
  Environment environment = {{"API_KEYS", "a:reader:key-a"}, {"API_RATE_LIMIT", "1"}};
  {
    RunningService service(environment);
    EXPECT_TRUE(share(service, "198.51.100.#")) << "nobody is trusted by default";
  }
  environment["TRUSTED_PROXIES"] = "127.0.0.0/8,10.0.0.0/8";
  RunningService service(environment);
  EXPECT_FALSE(share(service, "198.51.100.#"));
  EXPECT_FALSE(share(service, "203.0.113.#, 10.0.0.1"));
  EXPECT_TRUE(share(service, "203.0.113.#, 192.0.2.1")) << "what a caller writes does not matter";
  EXPECT_TRUE(share(service, "2001:db8:0:1::#")) << "of one host";
  EXPECT_TRUE(share(service, "unknown #")) << "the proxy's";
}

TEST(HttpApi, ShowsAKeyNothingOfAnotherTenant) {
  RunningService service(
      {{"STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme"}, {"API_KEYS", "d:admin:key-d,a:admin:key-a:acme"}});
  service.PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"), "/webhooks/stripe/acme", "whsec_acme");
  service.PostWebhook(ChargeEvent("evt_2", "ch_1", "100"), "/webhooks/stripe/acme", "whsec_acme");
  const std::string broken =
      R"({"id":"evt_3","object":"event","type":"charge.succeeded","created":1,"data":{}})";
  service.PostWebhook(broken, "/webhooks/stripe/acme", "whsec_acme");
  const http::Fields own = {{"Authorization", "Bearer key-a"}};
  const http::Fields other = {{"Authorization", "Bearer key-d"}};
  for (const char* list :
       {"/api/v1/subscriptions", "/api/v1/ledger/entries", "/api/v1/ledger/balances", "/api/v1/events"}) {
    EXPECT_GT(service.Get(std::string(list) + "?" + Await(3), own).Json()["data"].size(), 0U) << list;
    EXPECT_EQ(service.Get(std::string(list) + "?" + Await(3), other).Json()["data"].size(), 0U) << list;
  }
  EXPECT_EQ(service.Get("/api/v1/dead-letters?" + Await(3), own).Json()["data"].size(), 2U);
  EXPECT_EQ(service.Get("/api/v1/dead-letters", other).Json()["data"].size(), 0U);
  for (const char* one : {"/api/v1/subscriptions/sub_1", "/api/v1/events/sub_1",
                          "/api/v1/projections/payment_ledger/state?key=ch_1"}) {
    EXPECT_EQ(service.Get(one, own).status, 200) << one;
    EXPECT_EQ(service.Get(one, other).status, 404) << one;
  }
  EXPECT_EQ(service.Get("/api/v1/statistics", other).Json()["total_events"], 0);
  EXPECT_EQ(service.Get("/api/v1/projections/subscriptions/state", other).Json()["state"].size(), 0U);
}

TEST(HttpApi, TellsItsHealthAndMetricsWithoutAKey) {
  RunningService service(Environment{{"API_KEYS", "r:reader:key-r"}});
  service.PostWebhook(CustomerEvent("evt_1"));
  service.Post("/webhooks/stripe", "x");
  EXPECT_EQ(service.Get("/health/live").status, 200);
  EXPECT_EQ(service.Get("/health/ready").status, 200);
  const nlohmann::json health = service.Get("/health").Json();
  for (const char* part : {"event_store", "database", "projections"})
    EXPECT_EQ(health["checks"][part]["status"], "ok") << part;
  // A commit is counted after it is answered.
  std::string page = service.Get("/metrics").body;
  for (int i = 0; i < 1'000 && page.find("billhook_append_seconds_count 1") == std::string::npos; ++i)
    page = service.Get("/metrics").body;
  for (const char* line :
       {"billhook_webhooks_total{outcome=\"recorded\"} 1", "billhook_webhooks_total{outcome=\"rejected\"} 1",
        "billhook_events_appended_total 1", "billhook_append_batch_size_count 1",
        "billhook_append_seconds_count 1", "billhook_append_queue_depth 0",
        "billhook_projection_lag_events{projection=\"subscriptions\"}",
        "billhook_projection_lag_seconds{projection=\"payment_ledger\"}",
        "billhook_dead_letters{projection=\"subscriptions\"} 0", "billhook_http_request_seconds_count{"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line;
  }
}

TEST(HttpApi, GivesTheSameAnswersOnPostgres) {
  const TestDatabase postgres(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(postgres);
  RunningService on_sqlite;
  RunningService on_postgres(Environment{{"DATABASE_URL", postgres.url()}});
  for (RunningService* service : {&on_sqlite, &on_postgres}) {
    service->PostWebhook(SubscriptionEvent("evt_1", "sub_1", "active"));
    service->PostWebhook(SubscriptionEvent("evt_2", "sub_2", "past_due"));
    service->PostWebhook(ChargeEvent("evt_3", "ch_1", "9223372036854775807"));
    service->PostWebhook(ChargeEvent("evt_4", "ch_2", "9223372036854775807"));
    service->PostWebhook(
        R"({"id":"evt_5","object":"event","type":"charge.succeeded","created":1,"data":{}})");
  }
  for (const std::string& path :
       {"/api/v1/subscriptions?limit=1&" + Await(5),
        "/api/v1/subscriptions?price=price_1&status=active&" + Await(5),
        "/api/v1/ledger/entries?customer=cus_1&from=2025-01-01T00:00:00Z&" + Await(5),
        "/api/v1/ledger/balances?" + Await(5), std::string("/api/v1/statistics"),
        "/api/v1/projections/payment_ledger/state?" + Await(5),
        "/api/v1/projections/statistics/state?" + Await(5), "/api/v1/projections?" + Await(5),
        std::string("/api/v1/events/sub_1?aggregate_type=nothing"),
        std::string("/api/v1/subscriptions/sub_2")}) {
    const Answer expected = on_sqlite.Get(path);
    const Answer answer = on_postgres.Get(path);
    EXPECT_EQ(answer.status, expected.status) << path;
    EXPECT_EQ(answer.Json()["data"], expected.Json()["data"]) << path;
    if (answer.status != 200) continue;
    EXPECT_EQ(answer.Header("ETag"), expected.Header("ETag")) << path << "\n"
                                                              << answer.body << "\n"
                                                              << expected.body;
  }
  EXPECT_EQ(on_postgres.Get("/api/v1/events?caused_by=evt_2").Json()["data"][0]["aggregate_id"], "sub_2");
  EXPECT_EQ(on_postgres.Get("/api/v1/dead-letters?projection=payment_ledger").Json()["data"].size(), 1U);
  EXPECT_EQ(on_postgres.Post("/api/v1/projections/payment_ledger/rebuild", "").status, 202);
}

}  // namespace
}  // namespace billhook::test
