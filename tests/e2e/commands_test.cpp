// Commands with the real binary, on both engines: each happens once, though the process is killed in the
// middle and every one of them is sent again.
#include <atomic>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr int kTries = 40;
constexpr int kCallers = 8;
constexpr int kCommandsEach = 60;
constexpr const char* kCreate = R"({"command_type":"CreateAccount","data":{"account_id":"a","owner":"Ada"}})";

// Whether it asks to come again: while what the killed process left behind has its lease, the key is in use.
bool IsLater(const http::Response& response) {
  return response.status == 503 ||
         (response.status == 409 && Json::parse(response.body).at("code") == "idempotency_key_in_use");
}

// Sends each caller's commands in order and keeps the answers; where one is missing it goes on.
void SendAll(const std::string& address, std::vector<std::vector<std::string>>& answers,
             std::atomic<int>& answered) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      http::Client client(address);
      for (int i = 0; i < kCommandsEach; ++i) {
        // One in three takes out what the others put in; one in five is about no account.
        const std::string type = i % 3 == 2 ? "WithdrawMoney" : "DepositMoney";
        const std::string account = i % 5 == 4 ? "none" : "a";
        const auto send = [&] {
          return client.Send(
              "POST", "/api/v1/commands",
              {{"Idempotency-Key", "key-" + std::to_string(caller) + "-" + std::to_string(i)}},
              R"({"command_type":")" + type + R"(","data":{"account_id":")" + account + R"(","amount":1}})");
        };
        std::optional<http::Response> response = send();
        for (int again = 0; again < kTries && response && IsLater(*response); ++again) {
          std::this_thread::sleep_for(std::chrono::seconds(1));
          response = send();
        }
        if (!response || IsLater(*response)) continue;
        ++answered;
        const Json body = Json::parse(response->body);
        answers[static_cast<std::size_t>(caller)][static_cast<std::size_t>(i)] =
            std::to_string(response->status) + body.value("command_id", "") + body.value("code", "");
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

class CommandsOfAProcess : public OnEachEngine {};

INSTANTIATE_TEST_SUITE_P(Engines, CommandsOfAProcess,
                         ::testing::Values(Engine::kSqliteFile, Engine::kPostgres), EngineName);

TEST_P(CommandsOfAProcess, HappenOnceThoughItIsKilledAndAllAreSentAgain) {
  const std::map<std::string, std::string> environment = {
      {"STRIPE_WEBHOOK_SECRET", "whsec_e2e"}, {"DATABASE_URL", database().url()}, {"LOG_LEVEL", "info"}};
  std::vector<std::vector<std::string>> first(kCallers, std::vector<std::string>(kCommandsEach));
  std::vector<std::vector<std::string>> second = first;
  std::atomic<int> answered = 0;
  {
    ServeProcess process(environment);
    http::Client client(process.address());
    ASSERT_EQ(client.Send("POST", "/api/v1/commands", {}, kCreate)->status, 200);
    std::thread killer([&] {
      while (answered < kCallers * kCommandsEach / 3) std::this_thread::yield();
      process.Signal(SIGKILL);
    });
    SendAll(process.address(), first, answered);
    killer.join();
    EXPECT_EQ(process.Wait(), 128 + SIGKILL);
  }
  ASSERT_LT(answered, kCallers * kCommandsEach) << "the kill came too late to prove anything";
  ServeProcess process(environment);
  SendAll(process.address(), second, answered);
  std::int64_t expected = 0;
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    for (std::size_t i = 0; i < kCommandsEach; ++i) {
      EXPECT_NE(second[caller][i], "") << "caller " << caller << ", command " << i;
      if (!first[caller][i].empty()) {
        EXPECT_EQ(second[caller][i], first[caller][i]);
      }
      if (second[caller][i].starts_with("200")) expected += i % 3 == 2 ? -1 : 1;
    }
  }
  http::Client client(process.address());
  const std::optional<http::Response> total = client.Send("GET", "/api/v1/statistics");
  const std::string position =
      std::to_string(Json::parse(total->body).at("latest_position").get<std::int64_t>());
  const std::optional<http::Response> state = client.Send(
      "GET", "/api/v1/projections/account_balance/state?key=a&wait_ms=20000&min_position=" + position);
  ASSERT_EQ(state->status, 200) << state->body;
  EXPECT_EQ(Json::parse(state->body).at("value").at("balance"), expected);
  const std::optional<http::Response> pending = client.Send("GET", "/api/v1/commands?status=pending");
  EXPECT_EQ(Json::parse(pending->body).at("data").size(), 0U) << pending->body;
}

}  // namespace
}  // namespace billhook::test
