// The projection engine with the real binary: rebuilds that outlive a kill, and processes on one PostgreSQL
// that tell each other what is new.
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "service/simulate/history.h"
#include "service/storage/read_models.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/served_facts.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::minutes kPatience{2};

// A history on its way in, in order; what was not answered is sent again.
class Delivery {
 public:
  explicit Delivery(std::vector<std::string> bodies) : bodies_(std::move(bodies)) {}

  // Until `count` are in, or nobody answers any more.
  void SendUpTo(const std::string& address, std::size_t count) {
    http::Client client(address);
    while (sent_ < count) {
      const std::optional<http::Response> response = PostEvent(client, bodies_[sent_]);
      if (!response) return;
      if (response->status == 200) ++sent_;
    }
  }
  void SendAll(const std::string& address) { SendUpTo(address, bodies_.size()); }
  [[nodiscard]] bool done() const { return sent_ == bodies_.size(); }

 private:
  std::vector<std::string> bodies_;
  std::size_t sent_ = 0;
};

std::vector<std::string> ProjectionNames(const std::string& address) {
  std::vector<std::string> names;
  for (const Json& projection : AllOf(address, "/api/v1/projections")) names.push_back(projection["name"]);
  return names;
}

void RebuildAll(const std::string& address) {
  http::Client client(address);
  for (const std::string& name : ProjectionNames(address)) {
    const auto response = client.Send("POST", "/api/v1/projections/" + name + "/rebuild");
    ASSERT_TRUE(response.has_value());
    EXPECT_TRUE(response->status == 202 || response->status == 409) << response->body;
  }
}

// Whether a rebuild has begun and is not done; those that are done begin again.
bool IsRebuilding(const std::string& address) {
  RebuildAll(address);
  for (const Json& projection : AllOf(address, "/api/v1/projections")) {
    if (!projection["rebuild"].is_null() && projection["rebuild"]["processed"] > 0) return true;
  }
  return false;
}

// The rebuilds that a process left unfinished, by how far they got.
std::int64_t FurthestRebuild(const TestDatabase& test_database, const std::vector<std::string>& names) {
  const auto database = test_database.Open();
  storage::ReadModels read_models(*database);
  std::int64_t furthest = 0;
  for (const std::string& name : names) {
    const auto status = read_models.StatusOf(name);
    if (status && status->rebuild) furthest = std::max(furthest, status->rebuild->processed);
  }
  return furthest;
}

class ProjectionEngine : public OnEachEngine {};

TEST_P(ProjectionEngine, GoesOnWithRebuildsAfterAKillInTheMidstOfALoad) {
  constexpr std::size_t kEvents = 2'000;
  constexpr std::size_t kBefore = 1'200;
  simulate::Truth truth;
  Delivery delivery(simulate::GenerateHistory({.seed = 31, .events = kEvents}, &truth));
  ProcessEnvironment slow = EnvironmentFor(database());
  slow["PROJECTION_BATCH"] = "5";
  std::vector<std::string> names;
  {
    ServeProcess serve(slow);
    delivery.SendUpTo(serve.address(), kBefore);
    AwaitProjections(serve.address());
    names = ProjectionNames(serve.address());
  }
  std::int64_t left_at = 0;
  for (int kills = 0; left_at == 0 && kills < 20; ++kills) {
    ServeProcess serve(slow);
    std::thread load([&] { delivery.SendUpTo(serve.address(), kEvents - 100); });
    EXPECT_TRUE(Await([&] { return IsRebuilding(serve.address()); }, kPatience));
    serve.Signal(SIGKILL);
    load.join();
    EXPECT_EQ(serve.Wait(), 128 + SIGKILL);
    left_at = FurthestRebuild(database(), names);
  }
  ASSERT_GT(left_at, 0) << "no rebuild was ever hit in its midst";

  ServeProcess serve(EnvironmentFor(database()));
  delivery.SendAll(serve.address());
  ASSERT_TRUE(delivery.done());
  AwaitProjections(serve.address());
  ExpectTruth(FactsOf(serve.address()), truth);
  ExpectCustomers(AllOf(serve.address(), "/api/v1/customers"), truth);
  ExpectInvoices(AllOf(serve.address(), "/api/v1/invoices"), truth);
  ExpectRevenue(serve.address(), {}, truth);
  EXPECT_EQ(Get(serve.address(), "/api/v1/statistics")["total_events"], kEvents);
  EXPECT_EQ(AllOf(serve.address(), "/api/v1/dead-letters").size(), 0U);
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(Engines, ProjectionEngine, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

std::string NotificationsOf(const std::string& address) {
  return Get(address, "/health")["checks"]["projections"]["notifications"];
}

TEST(ProjectionsOfTwoProcesses, AreReadInOneAsSoonAsTheOtherHasRecorded) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  ServeProcess one(EnvironmentFor(database));
  ServeProcess two(EnvironmentFor(database));
  for (const ServeProcess* process : {&one, &two})
    EXPECT_TRUE(Await([&] { return NotificationsOf(process->address()) == "working"; }, kPatience));
  http::Client to_one(one.address());
  for (int i = 1; i <= 20; ++i) {
    const std::string customer = "cus_" + std::to_string(i);
    const auto posted = PostEvent(to_one, CustomerEvent("evt_" + std::to_string(i), customer));
    ASSERT_TRUE(posted.has_value());
    const std::string position = Json::parse(posted->body)["position"].dump();
    EXPECT_EQ(
        Get(two.address(), "/api/v1/customers/" + customer + "?wait_ms=30000&min_position=" + position)["id"],
        customer);
  }
}

TEST(ProjectionsOfOneProcess, NeedNobodyToTellThem) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(database));
  EXPECT_EQ(NotificationsOf(serve.address()), "not_needed");
}

}  // namespace
}  // namespace billhook::test
