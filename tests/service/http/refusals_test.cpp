// Bad input on every writing route, on both engines: a clear refusal that names each fault, and nothing is
// recorded.
#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxBody = 4'096;

struct Refused {
  const char* path;  // under /api/v1
  const char* body;
  int status;
  const char* code;
  std::vector<std::string> pointers;  // sorted
};

const std::vector<Refused>& AllRefused() {
  static const std::vector<Refused> kAll = {
      {"commands", R"({"command_type":"Surprise","data":{}})", 422, "command_type_unknown", {}},
      {"commands",
       R"({"command_type":"DepositMoney","data":{"account_id":"a","amount":1},"when":"now"})",
       422,
       "command_invalid",
       {"/when"}},
      {"commands",
       R"({"command_type":"DepositMoney","data":{"account_id":"a","amount":"1","tip":1}})",
       422,
       "command_invalid",
       {"/data/amount", "/data/tip"}},
      {"commands",
       R"({"command_type":7,"data":[],"metadata":1,"expected_version":-1,"aggregate_id":""})",
       422,
       "command_invalid",
       {"/aggregate_id", "/command_type", "/data", "/expected_version", "/metadata"}},
      {"commands",
       R"({"command_type":"WithdrawMoney","aggregate_id":"b","data":{"account_id":"a","amount":1}})",
       422,
       "command_invalid",
       {"/aggregate_id"}},
      {"commands",
       R"({"command_type":"WithdrawMoney","data":{"account_id":"a","amount":101}})",
       409,
       "insufficient_funds",
       {}},
      {"commands",
       R"({"command_type":"RebuildProjection","data":{"projection":"customers"},"expected_version":1})",
       422,
       "command_invalid",
       {"/expected_version"}},
      {"commands",
       R"({"command_type":"TakeSnapshot","data":{"aggregate_id":"a","at":1}})",
       422,
       "command_invalid",
       {"/data/at"}},
      {"queries", R"({"query_type":"Surprise","filters":{}})", 422, "query_type_unknown", {}},
      {"queries",
       R"({"query_type":"GetAccountBalance","filters":{"id":"a"},"page":1})",
       422,
       "query_invalid",
       {"/filters/account_id", "/filters/id", "/page"}},
      {"queries",
       R"({"query_type":"GetAccountBalance","filters":{"account_id":1},"projection":"customers"})",
       422,
       "query_invalid",
       {"/filters/account_id", "/projection"}},
      {"events",
       R"({"aggregate_type":"o","aggregate_id":"o","event_type":"E","data":{},"position":9,"source":"stripe"})",
       422,
       "event_invalid",
       {"/position", "/source"}},
      {"events",
       R"({"events":[{"aggregate_type":"o","aggregate_id":"o","event_type":"E","data":{}},{"data":1}]})",
       422,
       "event_invalid",
       {"/events/1/aggregate_id", "/events/1/aggregate_type", "/events/1/data", "/events/1/event_type"}},
      {"events",
       R"({"aggregate_type":"prepaid_account","aggregate_id":"a","event_type":"E","data":{},"expected_version":0})",
       409,
       "version_conflict",
       {}},
      {"replay",
       R"({"aggregate_id":"a","from_sequence":-1,"until":2})",
       422,
       "body_invalid",
       {"/from_sequence", "/until"}},
      {"temporal-query",
       R"({"aggregate_id":"a","from_time":"2026-01-02T00:00:00Z","to_time":"2026-01-01T00:00:00Z"})",
       422,
       "body_invalid",
       {"/from_time"}},
      {"snapshots", R"({"aggregate_id":"a","version":1})", 422, "body_invalid", {"/version"}},
      {"snapshots", R"({"aggregate_id":"none"})", 404, "not_found", {}},
      {"projections/customers/rebuild", R"({"from":1})", 422, "body_invalid", {"/from"}},
      {"projections/none/rebuild", "", 404, "not_found", {}},
      {"dead-letters/customers:1/retry", R"({"force":true})", 422, "body_invalid", {"/force"}},
      {"dead-letters/customers:1/retry", "", 404, "not_found", {}},
  };
  return kAll;
}

class Refusals : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    service_ = std::make_unique<RunningService>(
        Environment{{"DATABASE_URL", database().url()}, {"MAX_BODY_BYTES", std::to_string(kMaxBody)}});
    const Answer made = service_->Post(
        "/api/v1/commands",
        R"({"command_type":"CreateAccount","data":{"account_id":"a","owner":"Ada","initial_balance":100}})");
    ASSERT_EQ(made.status, 200) << made.body;
  }
  Answer Post(const std::string& path, const std::string& body, const http::Fields& headers = {}) {
    return service_->Post("/api/v1/" + path, body, headers);
  }
  void ExpectNothingHappened() {
    EXPECT_EQ(service_->Get("/api/v1/statistics").Json()["latest_position"], 1);
    EXPECT_EQ(service_->Get("/api/v1/snapshots/a").status, 404);
    EXPECT_EQ(service_->Get("/api/v1/projections/customers").Json()["rebuild"], nullptr);
  }

  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Refusals, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Refusals, NameEachFaultAndRecordNothing) {
  for (const Refused& refused : AllRefused()) {
    const Answer answer = Post(refused.path, refused.body);
    EXPECT_EQ(answer.status, refused.status) << refused.path << refused.body << answer.body;
    EXPECT_EQ(answer.Header("Content-Type"), "application/problem+json");
    const json problem = answer.Json();
    EXPECT_EQ(problem["code"], refused.code) << refused.body;
    EXPECT_TRUE(problem.contains("request_id") && !problem["detail"].get<std::string>().empty()) << problem;
    std::vector<std::string> pointers;
    for (const json& error : problem.value("errors", json::array())) {
      pointers.push_back(error["pointer"]);
      EXPECT_NE(error["detail"], "");
    }
    std::sort(pointers.begin(), pointers.end());
    EXPECT_EQ(pointers, refused.pointers) << refused.path << " " << refused.body;
  }
  ExpectNothingHappened();
}

TEST_P(Refusals, MeetWhatIsNoJsonTooLongEncodedOrAskedForInUnknownWays) {
  for (const char* path : {"commands", "queries", "events", "replay", "temporal-query", "snapshots",
                           "projections/customers/rebuild", "dead-letters/customers:1/retry"}) {
    for (const char* malformed : {"{", "{\"a\":}", "\xff", "{} {}"})
      EXPECT_EQ(Post(path, malformed).status, 400) << path << malformed;
    for (const char* unusable :
         {"[]", "7", R"({"a":1,"a":2})", R"({"a":9223372036854775808})", R"({"a":"\ud800"})"})
      EXPECT_EQ(Post(path, unusable).Code(), "body_invalid") << path << unusable;
    EXPECT_EQ(Post(path, "{\"a\":\"" + std::string(kMaxBody, 'x') + "\"}").status, 413) << path;
    EXPECT_EQ(Post(path, "{}", {{"Content-Encoding", "gzip"}}).status, 415) << path;
    EXPECT_EQ(Post(std::string(path) + "?surprise=1", "{}").status, 422) << path;
    EXPECT_EQ(service_->Send("PUT", "/api/v1/" + std::string(path)).status, 405) << path;
  }
  EXPECT_EQ(service_->PostWebhook("{\"a\":\"" + std::string(kMaxBody, 'x') + "\"}").status, 413);
  ExpectNothingHappened();
}

}  // namespace
}  // namespace billhook::test
