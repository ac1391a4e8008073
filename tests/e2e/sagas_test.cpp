// Transfers with the real binary, on both engines, killed again and again in the middle of them: no money is
// made or lost, and every saga ends.
#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr int kCallers = 8;
constexpr int kTransfersEach = 24;
constexpr int kKills = 5;
constexpr int kOpening = 1'000;
const std::vector<std::string> kAccounts = {"a", "b", "c", "d"};

int SeedOf() {
  const char* seed = std::getenv("BILLHOOK_SEED");
  return seed == nullptr ? static_cast<int>(std::random_device()() % 1'000'000) : std::atoi(seed);
}

// What a caller asks for: among the accounts, to one that is closed and to one that is not there.
std::string TransferOf(int caller, int i) {
  std::vector<std::string> targets = kAccounts;
  targets.insert(targets.end(), {"closed", "none"});
  const std::string from = kAccounts[static_cast<std::size_t>(caller + i) % kAccounts.size()];
  std::string to = targets[static_cast<std::size_t>(caller * 7 + i * 5) % targets.size()];
  if (to == from) to = "closed";
  return R"({"saga_type":"TransferMoney","data":{"from_account":")" + from + R"(","to_account":")" + to +
         R"(","amount":)" + std::to_string(1 + i % 13 * 40) + "}}";
}

class SagasOfAProcess : public OnEachEngine {
 protected:
  [[nodiscard]] std::map<std::string, std::string> Settings() const {
    return {{"STRIPE_WEBHOOK_SECRET", "whsec_e2e"}, {"DATABASE_URL", database().url()}};
  }

  static void Command(http::Client& client, const std::string& type, const std::string& account,
                      const std::string& more = "") {
    const auto response = client.Send(
        "POST", "/api/v1/commands", {},
        R"({"command_type":")" + type + R"(","data":{"account_id":")" + account + "\"" + more + "}}");
    ASSERT_TRUE(response && response->status == 200);
  }
  static void OpenAccounts(const std::string& address) {
    http::Client client(address);
    for (const std::string& account : kAccounts)
      Command(client, "CreateAccount", account,
              R"(,"owner":"Ada","initial_balance":)" + std::to_string(kOpening));
    Command(client, "CreateAccount", "closed", R"(,"owner":"Bob")");
    Command(client, "CloseAccount", "closed");
  }

  // Sends every transfer until each is accepted, to whichever process listens.
  static void SendAll(const std::function<std::string()>& address, std::atomic<int>& accepted) {
    std::vector<std::thread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&, caller] {
        for (int i = 0; i < kTransfersEach; ++i) {
          const std::string key = "key-" + std::to_string(caller) + "-" + std::to_string(i);
          std::optional<http::Response> response;
          do {
            http::Client client(address());
            response =
                client.Send("POST", "/api/v1/sagas", {{"Idempotency-Key", key}}, TransferOf(caller, i));
          } while (!response || response->status == 503);
          EXPECT_EQ(response->status, 202) << response->body;
          ++accepted;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }

  // Every saga of the list, once none is open.
  static std::map<std::string, int> AwaitEnds(http::Client& client) {
    std::map<std::string, int> ended;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < deadline) {
      ended.clear();
      std::string cursor;
      do {
        const auto page = client.Send("GET", "/api/v1/sagas?limit=100" + cursor);
        if (!page || page->status != 200) break;
        const Json body = Json::parse(page->body);
        for (const Json& saga : body.at("data")) ++ended[saga.at("status").get<std::string>()];
        cursor = body.at("has_more") ? "&cursor=" + body.at("next_cursor").get<std::string>() : "";
      } while (!cursor.empty());
      const int all = ended["completed"] + ended["compensated"] + ended["failed"];
      if (all == kCallers * kTransfersEach) break;
    }
    return ended;
  }

  static std::int64_t Balances(http::Client& client) {
    const auto statistics = client.Send("GET", "/api/v1/statistics");
    const std::string position = Json::parse(statistics->body).at("latest_position").dump();
    const auto state = client.Send(
        "GET", "/api/v1/projections/account_balance/state?limit=100&wait_ms=30000&min_position=" + position);
    EXPECT_EQ(state->status, 200) << state->body;
    std::int64_t sum = 0;
    const Json body = Json::parse(state->body);
    for (const auto& [id, account] : body.at("state").items())
      sum += account.at("balance").get<std::int64_t>();
    return sum;
  }

  // How many events of the type sagas caused.
  static int Count(http::Client& client, const std::string& event_type) {
    const auto statistics = client.Send("GET", "/api/v1/statistics");
    return Json::parse(statistics->body).at("events_by_type").value(event_type, 0);
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SagasOfAProcess, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(SagasOfAProcess, NeitherMakeNorLoseMoneyThoughItIsKilledBetweenTheirSteps) {
  const int seed = SeedOf();
  SCOPED_TRACE("again with BILLHOOK_SEED=" + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  std::mutex mutex;
  auto process = std::make_unique<ServeProcess>(Settings());
  std::string address = process->address();
  const auto current = [&] {
    const std::lock_guard lock(mutex);
    return address;
  };
  OpenAccounts(current());
  std::atomic<int> accepted = 0;
  std::thread load([&] { SendAll(current, accepted); });
  constexpr int kAll = kCallers * kTransfersEach;
  for (int kill = 1; kill <= kKills; ++kill) {
    const int wanted = kAll * kill / (kKills + 1) + static_cast<int>(random() % 8);
    while (accepted < wanted) std::this_thread::yield();
    process->Signal(SIGKILL);
    ASSERT_EQ(process->Wait(), 128 + SIGKILL);
    process = std::make_unique<ServeProcess>(Settings());
    const std::lock_guard lock(mutex);
    address = process->address();
  }
  load.join();
  process->Signal(SIGKILL);
  process->Wait();
  process = std::make_unique<ServeProcess>(Settings());

  http::Client client(process->address());
  std::map<std::string, int> ended = AwaitEnds(client);
  EXPECT_EQ(ended["completed"] + ended["compensated"] + ended["failed"], kAll)
      << Json(ended).dump() << process->Log();
  EXPECT_GT(ended["completed"], 0);
  EXPECT_GT(ended["compensated"], 0);
  EXPECT_EQ(Balances(client), kOpening * static_cast<std::int64_t>(kAccounts.size()));
  EXPECT_EQ(Count(client, "SagaStarted"), kAll);
  EXPECT_EQ(Count(client, "MoneyDeposited"), ended["completed"]);
  EXPECT_EQ(Count(client, "MoneyRefunded"), ended["compensated"]);
  EXPECT_EQ(Count(client, "MoneyWithdrawn"), ended["completed"] + ended["compensated"]);
  process->Signal(SIGTERM);
  EXPECT_EQ(process->Wait(), 0);
  const Finished verified = RunBillhook({"verify"}, {{"DATABASE_URL", database().url()}});
  EXPECT_EQ(verified.status, 0) << verified.err;
}

}  // namespace
}  // namespace billhook::test
