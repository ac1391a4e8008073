// A first session with curl, as people paste it from a guide to event-sourced systems: only the host differs.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/billhook_process.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using json = nlohmann::json;

constexpr const char* kCurl = "/usr/bin/curl";
const std::string kHost = "http://localhost:8000";

class Curl : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    BILLHOOK_REQUIRE_PROGRAM(kCurl);
    serve_ = std::make_unique<ServeProcess>(
        ProcessEnvironment{{"STRIPE_WEBHOOK_SECRET", "whsec_e2e"}, {"DATABASE_URL", database().url()}});
  }

  // What the command prints, run by a shell.
  json Run(std::string command) {
    command.replace(command.find(kHost), kHost.size(), serve_->address());
    const Finished finished = RunProgram({"/bin/sh", "-c", command});
    EXPECT_EQ(finished.status, 0) << command << finished.err;
    return json::parse(finished.out, nullptr, false);
  }

  std::unique_ptr<ServeProcess> serve_;
};

INSTANTIATE_TEST_SUITE_P(Engines, Curl, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(Curl, OpensAnAccountMovesMoneyAndLooksIntoItsPast) {
  EXPECT_EQ(Run("curl http://localhost:8000/health")["status"], "ok");
  EXPECT_EQ(Run(R"(curl -X POST http://localhost:8000/api/v1/commands \
  -H "Content-Type: application/json" \
  -d '{
    "command_type": "CreateAccount",
    "aggregate_id": "acc-123",
    "data": {
      "account_id": "acc-123",
      "owner": "John Doe",
      "initial_balance": 1000
    }
  }')")["status"],
            "ok");
  const json deposited = Run(R"(curl -X POST http://localhost:8000/api/v1/commands \
  -H "Content-Type: application/json" \
  -d '{
    "command_type": "DepositMoney",
    "aggregate_id": "acc-123",
    "data": {
      "account_id": "acc-123",
      "amount": 500
    }
  }')");
  EXPECT_EQ(deposited["position"], 2) << deposited;
  // Whoever pastes it has typed for longer than the read model takes.
  Run("curl 'http://localhost:8000/api/v1/projections/account_balance?min_position=2&wait_ms=20000'");
  const json balance = Run(R"(curl -X POST http://localhost:8000/api/v1/queries \
  -H "Content-Type: application/json" \
  -d '{
    "query_type": "GetAccountBalance",
    "filters": {
      "account_id": "acc-123"
    },
    "projection": "account_balance"
  }')");
  EXPECT_EQ(balance["data"]["balance"], 1500) << balance;
  EXPECT_EQ(Run("curl http://localhost:8000/api/v1/events/acc-123")["data"].size(), 2U);
  const json replayed = Run(R"(curl -X POST http://localhost:8000/api/v1/replay \
  -H "Content-Type: application/json" \
  -d '{
    "aggregate_id": "acc-123",
    "from_sequence": 0,
    "use_snapshot": true
  }')");
  EXPECT_EQ(replayed["state"]["balance"], 1500) << replayed;
  const json past = Run(R"(curl -X POST http://localhost:8000/api/v1/temporal-query \
  -H "Content-Type: application/json" \
  -d '{
    "aggregate_id": "acc-123",
    "from_time": "2024-01-01T00:00:00Z",
    "to_time": "2024-01-31T23:59:59Z"
  }')");
  EXPECT_EQ(past["events"], json::array()) << "the account was opened later";
}

}  // namespace
}  // namespace billhook::test
