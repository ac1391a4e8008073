// Every route with the key of another tenant: it shows what an empty service shows, and changes nothing. A
// route that is not in the table fails the test, so a new one cannot forget.
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "service/backfill/runs.h"
#include "service/storage/open_database.h"
#include "tests/support/bodies.h"
#include "tests/support/running_service.h"
#include "tests/support/stripe_events.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

constexpr const char* kOwner = "acme-key";      // of tenant acme, which has everything
constexpr const char* kStranger = "other-key";  // of tenant other, which has nothing

struct Ask {
  std::string path;
  json body = nullptr;
};

struct Entry {
  std::vector<Ask> asks;  // all about what acme has
  enum class Kind {
    kOwn,     // shows the caller's own
    kWrite,   // changes something, or refuses to
    kShared,  // shows what is one for all tenants
    kOpen,    // needs no key: other tests say what it may tell
  } kind = Kind::kOwn;
};

Ask Query(const std::string& type, const json& filters) {
  return {"/api/v1/queries", {{"query_type", type}, {"filters", filters}}};
}

Ask Command(const std::string& type, const json& data) {
  return {"/api/v1/commands", {{"command_type", type}, {"data", data}}};
}

constexpr const char* kBranch = "what-if";  // acme's

Ask Transfer(const std::string& from, const std::string& to) {
  return {"/api/v1/sagas",
          {{"saga_type", "TransferMoney"},
           {"data", {{"from_account", from}, {"to_account", to}, {"amount", 1}}}}};
}

Ask Deposit(const std::string& path) {
  return {path,
          {{"aggregate_type", "prepaid_account"},
           {"aggregate_id", "acc_1"},
           {"event_type", "MoneyDeposited"},
           {"data", {{"account_id", "acc_1"}, {"amount", 1}}}}};
}

// The IDs of a command and of a saga of acme's.
struct Ids {
  std::string command;
  std::string saga;
};

// By method and pattern.
std::map<std::string, Entry> TheTable(const Ids& ids) {
  using Kind = Entry::Kind;
  const std::string api = "/api/v1/";
  const json account = {{"account_id", "acc_1"}};
  const json subscription = {{"aggregate_id", "sub_1"}};
  const std::string branch = "?branch=" + std::string(kBranch);
  return {
      {"GET /api/v1/subscriptions",
       {{{api + "subscriptions"},
         {api + "subscriptions?as_of=2099-01-01T00:00:00Z"},
         {api + "subscriptions" + branch}}}},
      {"GET /api/v1/subscriptions/{id}",
       {{{api + "subscriptions/sub_1"}, {api + "subscriptions/sub_1?as_of=2099-01-01T00:00:00Z"}}}},
      {"GET /api/v1/subscriptions/{id}/history",
       {{{api + "subscriptions/sub_1/history"}, {api + "subscriptions/sub_1/history" + branch}}}},
      {"GET /api/v1/ledger/entries",
       {{{api + "ledger/entries"}, {api + "ledger/entries?source=ch_1"}, {api + "ledger/entries" + branch}}}},
      {"GET /api/v1/ledger/balances",
       {{{api + "ledger/balances"}, {api + "ledger/balances?as_of=2099-01-01T00:00:00Z"}}}},
      {"GET /api/v1/metrics/mrr", {{{api + "metrics/mrr?currency=usd&from=2025-12-01&to=2026-02-01"}}}},
      {"GET /api/v1/customers", {{{api + "customers"}, {api + "customers?email=jo%40example.com"}}}},
      {"GET /api/v1/customers/{id}", {{{api + "customers/cus_1"}}}},
      {"GET /api/v1/customers/{id}/timeline", {{{api + "customers/cus_1/timeline"}}}},
      {"GET /api/v1/invoices", {{{api + "invoices"}}}},
      {"GET /api/v1/invoices/{id}", {{{api + "invoices/in_1"}, {api + "invoices/in_1" + branch}}}},
      {"GET /api/v1/commands", {{{api + "commands"}, {api + "commands?issued_by=a"}}}},
      {"GET /api/v1/commands/{id}", {{{api + "commands/" + ids.command}}}},
      {"POST /api/v1/queries",
       {{Query("GetAccountBalance", account), Query("GetSubscription", {{"subscription_id", "sub_1"}}),
         Query("ListActiveSubscriptions", json::object()), Query("GetLedgerBalances", json::object()),
         Query("GetTotalPaid", json::object()), Query("GetCustomerTimeline", {{"customer_id", "cus_1"}}),
         Query("GetAggregateHistory", subscription), Query("GetStatistics", json::object())}}},
      {"GET /api/v1/events",
       {{{api + "events"},
         {api + "events?caused_by=evt_1"},
         {api + "events?source=api"},
         {api + "events" + branch}}}},
      {"GET /api/v1/events/{aggregate_id}",
       {{{api + "events/sub_1"}, {api + "events/acc_1"}, {api + "events/acc_1" + branch}}}},
      {"GET /api/v1/statistics", {{{api + "statistics"}}}},
      {"POST /api/v1/replay",
       {{{api + "replay", subscription},
         {api + "replay", {{"aggregate_id", "acc_1"}}},
         {api + "replay" + branch, subscription}}}},
      {"POST /api/v1/temporal-query", {{{api + "temporal-query", subscription}}}},
      {"GET /api/v1/snapshots/{aggregate_id}", {{{api + "snapshots/acc_1"}}}},
      {"GET /api/v1/projections", {{{api + "projections"}}, Kind::kShared}},
      {"GET /api/v1/projections/{name}", {{{api + "projections/payment_ledger"}}, Kind::kShared}},
      {"GET /api/v1/projections/{name}/state",
       {{{api + "projections/subscriptions/state"},
         {api + "projections/active_subscriptions/state"},
         {api + "projections/payment_ledger/state?key=ch_1"},
         {api + "projections/account_balance/state"},
         {api + "projections/revenue/state"},
         {api + "projections/customers/state"},
         {api + "projections/invoices/state?key=in_1"},
         {api + "projections/customer_timeline/state"},
         {api + "projections/statistics/state"}}}},
      {"GET /api/v1/dead-letters", {{{api + "dead-letters"}}}},
      {"GET /api/v1/reconciliation", {{{api + "reconciliation"}}}},
      {"GET /api/v1/sagas", {{{api + "sagas"}, {api + "sagas?saga_type=TransferMoney"}}}},
      {"GET /api/v1/sagas/{id}", {{{api + "sagas/" + ids.saga}}}},
      {"GET /api/v1/branches", {{{api + "branches"}}}},
      {"GET /api/v1/branches/{name}", {{{api + "branches/" + kBranch}}}},
      {"POST /api/v1/sagas", {{Transfer("acc_1", "acc_2")}, Kind::kWrite}},
      {"POST /api/v1/branches", {{{api + "branches", {{"name", kBranch}}}}, Kind::kWrite}},
      {"POST /api/v1/branches/{name}/events",
       {{Deposit(api + "branches/" + kBranch + "/events"), Deposit(api + "branches/nobodys/events")},
        Kind::kWrite}},
      {"DELETE /api/v1/branches/{name}", {{{api + "branches/" + kBranch}}, Kind::kWrite}},
      {"POST /api/v1/commands",
       {{Command("DepositMoney", {{"account_id", "acc_1"}, {"amount", 1}}), Command("CloseAccount", account),
         Command("CreateAccount", {{"account_id", "acc_1"}, {"owner", "thief"}}),
         Command("AdjustLedger",
                 {{"adjustment_id", "adj_1"}, {"amount", -5}, {"currency", "usd"}, {"reason", "x"}}),
         Command("TakeSnapshot", subscription),
         Command("RetryDeadLetter", {{"dead_letter_id", "payment_ledger:5"}})},
        Kind::kWrite}},
      {"POST /api/v1/events", {{Deposit(api + "events")}, Kind::kWrite}},
      {"POST /api/v1/snapshots", {{{api + "snapshots", subscription}}, Kind::kWrite}},
      {"POST /api/v1/projections/{name}/rebuild", {{{api + "projections/customers/rebuild"}}, Kind::kWrite}},
      {"POST /api/v1/dead-letters/{id}/retry",
       {{{api + "dead-letters/payment_ledger:5/retry"}}, Kind::kWrite}},
      {"POST /api/v1/dead-letters/retry", {{{api + "dead-letters/retry"}}, Kind::kWrite}},
      {"DELETE /api/v1/dead-letters/{id}", {{{api + "dead-letters/payment_ledger:5"}}, Kind::kWrite}},
      {"POST /webhooks/stripe", {{}, Kind::kOpen}},
      {"POST /webhooks/stripe/{tenant}", {{}, Kind::kOpen}},
      {"GET /health", {{}, Kind::kOpen}},
      {"GET /health/live", {{}, Kind::kOpen}},
      {"GET /health/ready", {{}, Kind::kOpen}},
      {"GET /metrics", {{}, Kind::kOpen}},
      {"GET /openapi.json", {{}, Kind::kOpen}},
      {"GET /docs", {{}, Kind::kOpen}},
  };
}

// What differs from one moment to the next, or tells of the log as a whole.
void Normalise(json& value) {
  if (value.is_object()) {
    for (const char* key : {"request_id", "position", "latest_position", "command_id"}) value.erase(key);
  }
  if (value.is_structured()) {
    for (json& inner : value) Normalise(inner);
  }
}

class Tenants : public OnEachEngine {
 protected:
  static Environment Configuration(const std::string& url) {
    return {{"DATABASE_URL", url},
            {"STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme"},
            {"STRIPE_WEBHOOK_SECRET__OTHER", "whsec_other"},
            {"API_KEYS", std::string("a:admin:") + kOwner + ":acme,o:admin:" + kStranger + ":other"}};
  }

  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(Configuration(database().url()));
    empty_ = std::make_unique<RunningService>(Configuration("sqlite::memory:"));
  }

  static Answer Send(RunningService& service, const std::string& method, const Ask& ask,
                     const std::string& key) {
    return service.Send(method, ask.path, {{"Authorization", "Bearer " + key}},
                        ask.body.is_null() ? "" : ask.body.dump());
  }

  // Everything acme can have.
  Ids Fill() {
    const auto deliver = [this](const std::string& body) {
      EXPECT_EQ(service_->PostWebhook(body, "/webhooks/stripe/acme", "whsec_acme").status, 200) << body;
    };
    deliver(SubscriptionEvent("evt_1", "sub_1", "active"));
    deliver(ChargeEvent("evt_2", "ch_1", "100"));
    deliver(BodyOf({.id = "evt_3", .type = "customer.created", .object = Customer("cus_1")}));
    deliver(BodyOf({.id = "evt_4", .type = "invoice.paid", .object = Invoice("in_1", "paid")}));
    deliver(ChargeEvent("evt_5", "ch_2", "1e3"));  // a dead letter
    const auto own = [this](const Ask& ask, int status) {
      const Answer answer = Send(*service_, "POST", ask, kOwner);
      EXPECT_EQ(answer.status, status) << ask.path << " " << ask.body << answer.body;
      return answer;
    };
    const Answer created = own(Command("CreateAccount", {{"account_id", "acc_1"}, {"owner", "jo"}}), 200);
    own(Command("DepositMoney", {{"account_id", "acc_1"}, {"amount", 7}}), 200);
    own(Command("AdjustLedger",
                {{"adjustment_id", "adj_1"}, {"amount", 5}, {"currency", "usd"}, {"reason", "r"}}),
        200);
    own({"/api/v1/events",
         {{"aggregate_type", "order"},
          {"aggregate_id", "o_1"},
          {"event_type", "OrderPlaced"},
          {"data", json::object()}}},
        201);
    own({"/api/v1/snapshots", {{"aggregate_id", "acc_1"}}}, 201);
    const auto beside_it = storage::OpenDatabase(database().url(), 1, storage::Ownership::kShared);
    backfill::Run run;
    run.id = "run_1";
    run.tenant = "acme";
    run.until_s = run.walked_until_s = 1;
    backfill::Runs(*beside_it).Save(run);
    own({"/api/v1/branches", {{"name", kBranch}}}, 201);
    own(Deposit("/api/v1/branches/" + std::string(kBranch) + "/events"), 201);
    const std::string saga = own(Transfer("acc_1", "acc_2"), 202).Json()["saga_id"];
    AwaitEnd(saga);
    AwaitAll();
    return {created.Json()["command_id"], saga};
  }

  // The account that it is to pay does not exist: the money goes back.
  void AwaitEnd(const std::string& saga) {
    const auto status = [&] {
      return Send(*service_, "GET", {"/api/v1/sagas/" + saga}, kOwner).Json()["status"].get<std::string>();
    };
    while (status() != "compensated") std::this_thread::yield();
  }

  // Until every read model shows all that is recorded.
  void AwaitAll() {
    const json latest = Send(*service_, "GET", {"/api/v1/statistics"}, kOwner).Json()["latest_position"];
    const std::string path = "/api/v1/projections?min_position=" + latest.dump() + "&wait_ms=30000";
    ASSERT_EQ(Send(*service_, "GET", {path}, kOwner).status, 200);
  }

  // What the key sees: status and body by request.
  static std::map<std::string, json> View(RunningService& service, const std::map<std::string, Entry>& table,
                                          const std::string& key, Entry::Kind kind) {
    std::map<std::string, json> view;
    for (const auto& [route, entry] : table) {
      if (entry.kind != kind) continue;
      for (const Ask& ask : entry.asks) {
        const Answer answer = Send(service, route.substr(0, route.find(' ')), ask, key);
        json body = answer.body.empty() ? json() : answer.Json();
        Normalise(body);
        view[route.substr(0, route.find(' ')) + " " + ask.path + " " + ask.body.dump()] = {answer.status,
                                                                                           body};
      }
    }
    return view;
  }

  std::unique_ptr<RunningService> service_;
  std::unique_ptr<RunningService> empty_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Tenants, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Tenants, AreToldOfOnEveryRoute) {
  const std::map<std::string, Entry> table = TheTable({"x", "x"});
  std::map<std::string, Entry> left = table;
  for (const http::Route& route : service_->api().routes()) {
    const std::string name = route.method + " " + route.pattern;
    EXPECT_EQ(table.count(name), 1U) << name
                                     << " is not in this test's table: what does it show another tenant?";
    const bool open = table.count(name) == 1 && table.at(name).kind == Entry::Kind::kOpen;
    EXPECT_EQ(open, !route.role.has_value()) << name;
    left.erase(name);
  }
  for (const auto& [name, entry] : left) ADD_FAILURE() << name << " is no route any more";
}

TEST_P(Tenants, SeeNothingOfOneAnother) {
  const std::map<std::string, Entry> table = TheTable(Fill());
  const auto stranger = View(*service_, table, kStranger, Entry::Kind::kOwn);
  const auto nothing = View(*empty_, table, kStranger, Entry::Kind::kOwn);
  const auto owner = View(*service_, table, kOwner, Entry::Kind::kOwn);
  for (const auto& [request, answer] : stranger) {
    EXPECT_EQ(answer, nothing.at(request)) << request;
    EXPECT_NE(answer, owner.at(request))
        << request << " shows its owner nothing, so this test says nothing of it";
  }
  for (const auto& [request, answer] : View(*service_, table, kStranger, Entry::Kind::kShared)) {
    for (const json& status : answer[1].contains("data") ? answer[1]["data"] : json::array({answer[1]}))
      EXPECT_EQ(status["dead_letters"], 0) << status;
  }
}

TEST_P(Tenants, ChangeNothingOfOneAnother) {
  const std::map<std::string, Entry> table = TheTable(Fill());
  const auto before = View(*service_, table, kOwner, Entry::Kind::kOwn);
  std::map<std::string, int> statuses;
  for (const auto& [request, answer] : View(*service_, table, kStranger, Entry::Kind::kWrite))
    statuses[request] = answer[0].get<int>();
  for (const auto& [request, status] : statuses) {
    // What the stranger has not is not there; what it may make is its own.
    const bool makes_its_own =
        request.find("CreateAccount") != std::string::npos ||
        request.find("AdjustLedger") != std::string::npos ||
        request.find("/api/v1/events") != std::string::npos ||
        request.find("POST /api/v1/sagas") != std::string::npos ||
        request.find("POST /api/v1/branches ") != std::string::npos ||
        request.find("POST /api/v1/branches/what-if") != std::string::npos ||  // by now one of its own
        request.find("/dead-letters/retry ") != std::string::npos ||           // it has none
        request.find("/rebuild") != std::string::npos;  // which nobody sees but for its progress
    if (makes_its_own) {
      EXPECT_LT(status, 300) << request;
    } else {
      EXPECT_EQ(status, 404) << request;
    }
  }
  AwaitAll();
  EXPECT_EQ(View(*service_, table, kOwner, Entry::Kind::kOwn), before);
}

// The same Idempotency-Key of two callers is two keys, and a key's first answer is told to nobody else.
TEST_P(Tenants, ShareNoIdempotencyKey) {
  const auto create = [this](const char* key) {
    return service_->Post("/api/v1/commands",
                          Command("CreateAccount", {{"account_id", "acc_1"}, {"owner", key}}).body.dump(),
                          {{"Authorization", std::string("Bearer ") + key}, {"Idempotency-Key", "once"}});
  };
  const Answer owner = create(kOwner);
  const Answer stranger = create(kStranger);
  EXPECT_EQ(owner.status, 200);
  EXPECT_EQ(stranger.status, 200);
  EXPECT_NE(owner.Json()["command_id"], stranger.Json()["command_id"]);
  EXPECT_EQ(create(kOwner).body, owner.body);
}

TEST_P(Tenants, TellStrangersWithoutAKeyNothing) {
  const Ids ids = Fill();
  for (const char* path : {"/health", "/health/live", "/health/ready", "/metrics"}) {
    const std::string body = service_->Get(path).body;
    for (const std::string& told :
         {std::string("acme"), std::string("sub_1"), std::string("cus_1"), ids.command, ids.saga,
          std::string("jo@example.com"), std::string("whsec"), std::string(kOwner)})
      EXPECT_EQ(body.find(told), std::string::npos) << path << " tells " << told;
  }
}

}  // namespace
}  // namespace billhook::test
