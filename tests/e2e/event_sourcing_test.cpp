// What people expect of an event-sourced system, asked of the real binary on both engines in the words in
// which such systems are documented: commands and queries by type, streams of one's own with expected
// versions, replay, windows of time, snapshots, projections by key, and Stripe's webhooks as the source of
// read models.
#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "service/clock.h"
#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using json = nlohmann::json;

constexpr const char* kSecret = "whsec_e2e";

struct Reply {
  int status = 0;
  json body;
};

class EventSourcing : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    serve_ = std::make_unique<ServeProcess>(std::map<std::string, std::string>{
        {"STRIPE_WEBHOOK_SECRET", kSecret}, {"DATABASE_URL", database().url()}});
  }

  Reply Send(const std::string& method, const std::string& path, const std::string& body = "",
             http::Fields headers = {}) {
    headers.emplace_back("Content-Type", "application/json");
    http::Client client(serve_->address());
    const std::optional<http::Response> response = client.Send(method, path, headers, body);
    if (!response) {
      ADD_FAILURE() << method << " " << path << ": " << client.error();
      return {};
    }
    return {response->status, json::parse(response->body, nullptr, false)};
  }
  Reply Post(const std::string& path, const std::string& body, http::Fields headers = {}) {
    return Send("POST", path, body, std::move(headers));
  }
  // Of a read model, once it shows everything.
  json State(const std::string& projection, const std::string& key = "") {
    const std::string position = Send("GET", "/api/v1/statistics").body.at("latest_position").dump();
    const Reply reply =
        Send("GET", "/api/v1/projections/" + projection + "/state?wait_ms=20000&min_position=" + position +
                        (key.empty() ? "" : "&key=" + key));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return key.empty() ? reply.body["state"] : reply.body["value"];
  }
  void Deliver(const StripeEvent& event) {
    const std::string body = BodyOf(event);
    const Reply reply = Post(
        "/webhooks/stripe", body,
        {{"Stripe-Signature", stripe::SignatureHeader(kSecret, SystemClock() / kMicrosPerSecond, body)}});
    EXPECT_EQ(reply.status, 200) << reply.body;
  }

  std::unique_ptr<ServeProcess> serve_;
};

INSTANTIATE_TEST_SUITE_P(Engines, EventSourcing, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(EventSourcing, MovesAnAccountAndTellsItsBalanceEventsAndPast) {
  EXPECT_EQ(Send("GET", "/health").status, 200);
  const Reply made = Post("/api/v1/commands", R"({
    "command_type": "CreateAccount",
    "aggregate_id": "acc-123",
    "data": {
      "account_id": "acc-123",
      "owner": "John Doe",
      "initial_balance": 1000
    }
  })");
  ASSERT_EQ(made.status, 200) << made.body;
  EXPECT_EQ(made.body["status"], "ok");
  ASSERT_EQ(Post("/api/v1/commands", R"({
    "command_type": "DepositMoney",
    "aggregate_id": "acc-123",
    "data": {
      "account_id": "acc-123",
      "amount": 500
    }
  })")
                .status,
            200);
  State("account_balance");
  const Reply balance = Post("/api/v1/queries", R"({
    "query_type": "GetAccountBalance",
    "filters": {
      "account_id": "acc-123"
    },
    "projection": "account_balance"
  })");
  ASSERT_EQ(balance.status, 200) << balance.body;
  EXPECT_EQ(balance.body["data"]["balance"], 1500);
  EXPECT_EQ(balance.body["data"]["owner"], "John Doe");
  EXPECT_EQ(balance.body["data"]["transactions"].size(), 2U);
  const Reply events = Send("GET", "/api/v1/events/acc-123");
  ASSERT_EQ(events.body["data"].size(), 2U) << events.body;
  EXPECT_EQ(events.body["data"][0]["event_type"], "AccountCreated");
  EXPECT_EQ(events.body["data"][1]["event_type"], "MoneyDeposited");
  const Reply replayed = Post("/api/v1/replay", R"({
    "aggregate_id": "acc-123",
    "from_sequence": 0,
    "use_snapshot": true
  })");
  ASSERT_EQ(replayed.status, 200) << replayed.body;
  EXPECT_EQ(replayed.body["state"]["balance"], 1500);
  EXPECT_EQ(replayed.body["version"], 2);
  const Reply past = Post("/api/v1/temporal-query", R"({
    "aggregate_id": "acc-123",
    "from_time": "2024-01-01T00:00:00Z",
    "to_time": "2024-01-31T23:59:59Z"
  })");
  ASSERT_EQ(past.status, 200) << past.body;
  EXPECT_EQ(past.body["events"], json::array()) << "the account was opened later";
  EXPECT_EQ(past.body["state"], nullptr);
  const Reply since =
      Post("/api/v1/temporal-query",
           R"({"aggregate_id":"acc-123","from_time":"2024-01-01T00:00:00Z","time_axis":"recorded"})");
  EXPECT_EQ(since.body["events"].size(), 2U) << since.body;
  EXPECT_EQ(Send("POST", "/api/v1/projections/account_balance/rebuild").status, 202);
  EXPECT_EQ(State("account_balance", "acc-123")["balance"], 1500);
}

TEST_P(EventSourcing, KeepsStreamsOfOnesOwnInOrderAndProjectsThem) {
  const Reply first = Post("/api/v1/events", R"({"aggregate_type":"profiles","aggregate_id":"joe.bloggs",
    "event_type":"profile-created","data":{"name":"Joe Bloggs","email":"joe.bloggs@example.com"},"expected_version":0})");
  ASSERT_EQ(first.status, 201) << first.body;
  ASSERT_EQ(Post("/api/v1/events", R"({"aggregate_type":"profiles","aggregate_id":"joe.bloggs",
    "event_type":"date-of-birth-set","data":{"dob":"1992-07-10"},"metadata":{"by":"joe"}})")
                .status,
            201);
  EXPECT_EQ(Post("/api/v1/replay", R"({"aggregate_id":"joe.bloggs"})").body["state"],
            json({{"name", "Joe Bloggs"}, {"email", "joe.bloggs@example.com"}, {"dob", "1992-07-10"}}));
  // Write conditions: exact, no stream, any; a whole batch or nothing.
  const Reply conflict = Post("/api/v1/events", R"({"events":[
    {"aggregate_type":"orders","aggregate_id":"order-1","event_type":"OrderPlaced","data":{"total":100.0}},
    {"aggregate_type":"profiles","aggregate_id":"joe.bloggs","event_type":"renamed","data":{},"expected_version":1}]})");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.body["code"], "version_conflict");
  EXPECT_EQ(Send("GET", "/api/v1/events/order-1").status, 404);
  ASSERT_EQ(Post("/api/v1/events", R"({"events":[
    {"aggregate_type":"orders","aggregate_id":"order-1","event_type":"OrderPlaced","data":{"total":99.99,"status":"placed"},
     "expected_version":0,"occurred_at":"2024-01-15T12:00:00Z"},
    {"aggregate_type":"orders","aggregate_id":"order-1","event_type":"OrderShipped","data":{"status":"shipped","tracking":"1Z999AA1"},
     "expected_version":1,"schema_version":2,"occurred_at":"2024-02-15T12:00:00Z"}]})")
                .status,
            201);
  const json order = Post("/api/v1/replay", R"({"aggregate_id":"order-1"})").body;
  EXPECT_EQ(order["version"], 2);
  EXPECT_EQ(order["state"]["status"], "shipped");
  // By stream, type, the global log, from any version or position, by time on either axis.
  const auto count = [&](const std::string& query) {
    const Reply page = Send("GET", "/api/v1/events" + query);
    EXPECT_EQ(page.status, 200) << page.body;
    return page.body["data"].size();
  };
  EXPECT_EQ(count(""), 4U);
  EXPECT_EQ(count("?aggregate_type=orders"), 2U);
  EXPECT_EQ(count("?event_type=OrderShipped"), 1U);
  EXPECT_EQ(count("?after_position=3"), 1U);
  EXPECT_EQ(count("?from=2024-01-01T00:00:00Z&to=2024-01-31T23:59:59Z"), 1U);
  EXPECT_EQ(count("?from=2024-01-01T00:00:00Z&to=2024-01-31T23:59:59Z&time_axis=recorded"), 0U);
  EXPECT_EQ(count("/order-1?from_version=2"), 1U);
  EXPECT_EQ(Send("GET", "/api/v1/events/order-1?from_version=2").body["data"][0]["schema_version"], 2);
  const json january =
      Post("/api/v1/temporal-query", R"({"aggregate_id":"order-1","to_time":"2024-01-31T23:59:59Z"})").body;
  EXPECT_EQ(january["state"]["status"], "placed");
  const json history =
      Post("/api/v1/queries", R"({"query_type":"GetAggregateHistory","filters":{"aggregate_id":"order-1"}})")
          .body;
  EXPECT_EQ(history["data"].size(), 2U);
  const json statistics =
      Post("/api/v1/queries", R"({"query_type":"GetStatistics","filters":{}})").body["data"];
  EXPECT_EQ(statistics["total_events"], 4);
  EXPECT_EQ(statistics["events_by_type"]["OrderPlaced"], 1);
  EXPECT_EQ(statistics["latest_position"], 4);
}

TEST_P(EventSourcing, RebuildsFromASnapshotAndWhatCameAfterIt) {
  ASSERT_EQ(
      Post("/api/v1/commands", R"({"command_type":"CreateAccount","data":{"account_id":"a","owner":"Ada"}})")
          .status,
      200);
  ASSERT_EQ(Post("/api/v1/commands", R"({"command_type":"TakeSnapshot","data":{"aggregate_id":"a"}})").status,
            200);
  const Reply deposit =
      Post("/api/v1/commands", R"({"command_type":"DepositMoney","data":{"account_id":"a","amount":7}})");
  ASSERT_EQ(deposit.status, 200);
  const json replayed = Post("/api/v1/replay", R"({"aggregate_id":"a"})").body;
  EXPECT_EQ(replayed["snapshot_version"], 1);
  EXPECT_EQ(replayed["events_replayed"], 1);
  EXPECT_EQ(replayed["state"]["balance"], 7);
  EXPECT_EQ(Send("GET", "/api/v1/snapshots/a").body["version"], 1);
  // The audit log tells who caused what.
  const std::string id = deposit.body["command_id"];
  const json entry = Send("GET", "/api/v1/commands/" + id).body;
  EXPECT_EQ(entry["status"], "ok");
  EXPECT_EQ(entry["events"][0]["caused_by"], id);
  const Reply refused =
      Post("/api/v1/commands", R"({"command_type":"ShipOrder","data":{"order_id":"order-1"}})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body["code"], "command_type_unknown");
  EXPECT_EQ(Send("GET", "/api/v1/commands?status=error").body["data"].size(), 1U);
}

TEST_P(EventSourcing, MakesReadModelsOfWebhooksThatComeAgain) {
  const StripeEvent created = {
      .id = "evt_1", .type = "customer.subscription.created", .object = Subscription("sub_1", "active")};
  Deliver(created);
  Deliver(created);
  EXPECT_EQ(State("active_subscriptions").size(), 1U);
  Deliver({.id = "evt_2", .type = "payment_intent.succeeded", .object = PaymentIntent("pi_1", 1'000)});
  Deliver({.id = "evt_3", .type = "payment_intent.succeeded", .object = PaymentIntent("pi_2", 250)});
  std::int64_t paid = 0;
  for (const json& amount : State("payment_ledger")) paid += amount.get<std::int64_t>();
  EXPECT_EQ(paid, 1'250);
  const json total =
      Post("/api/v1/queries", R"({"query_type":"GetTotalPaid","filters":{"currency":"usd"}})").body["data"];
  EXPECT_EQ(total[0]["total_paid"], 1'250);
  Deliver({.id = "evt_4",
           .type = "customer.subscription.deleted",
           .object = Subscription("sub_1", "canceled"),
           .created_s = kNoon + 1});
  EXPECT_EQ(State("active_subscriptions").size(), 0U);
  EXPECT_EQ(Send("GET", "/api/v1/events?caused_by=evt_1").body["data"].size(), 1U) << "recorded once";
}

TEST_P(EventSourcing, LetsOneOfManyWritersWinEachVersionOfAStream) {
  constexpr int kWriters = 32;
  constexpr int kWins = 3;
  std::atomic<int> conflicts{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      int expected = 0;
      for (int wins = 0; wins < kWins;) {
        const json body = {{"aggregate_type", "orders"},
                           {"aggregate_id", "o"},
                           {"event_type", "Changed"},
                           {"data", {{"by", writer}}},
                           {"expected_version", expected}};
        const Reply reply = Post("/api/v1/events", body.dump());
        if (reply.status == 201) {
          expected = reply.body["events"][0]["version"];
          ++wins;
          continue;
        }
        ASSERT_EQ(reply.status, 409) << reply.body;
        ++conflicts;
        expected = Post("/api/v1/replay", R"({"aggregate_id":"o"})").body["version"];
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const Reply log = Send("GET", "/api/v1/events?limit=100");
  ASSERT_EQ(log.body["data"].size(), std::size_t{kWriters} * kWins);
  std::map<int, int> wins;
  for (std::size_t i = 0; i < log.body["data"].size(); ++i) {
    const json& event = log.body["data"][i];
    EXPECT_EQ(event["position"], i + 1);
    EXPECT_EQ(event["version"], i + 1);
    ++wins[event["payload"]["by"].get<int>()];
  }
  for (const auto& [writer, count] : wins) EXPECT_EQ(count, kWins) << writer;
  EXPECT_GT(conflicts, 0) << "the writers never met, so this test showed nothing";
}

}  // namespace
}  // namespace billhook::test
