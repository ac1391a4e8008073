// What the settings do that no other test shows: a change of each is seen from outside the real binary.
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/peer.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{60};

// The value of a series on /metrics, by the line's beginning.
std::string Metric(const std::string& address, const std::string& series) {
  http::Client client(address);
  const std::string page = client.Send("GET", "/metrics")->body;
  const std::size_t at = page.find("\n" + series + " ");
  if (at == std::string::npos) return "none";
  const std::size_t begin = at + series.size() + 2;
  return page.substr(begin, page.find('\n', begin) - begin);
}

std::map<std::string, std::string> With(const TestDatabase& database, const std::string& name,
                                        const std::string& value) {
  std::map<std::string, std::string> environment = EnvironmentFor(database);
  environment[name] = value;
  return environment;
}

TEST(Settings, HostIsTheAddressItListensOnAndNoOther) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(With(database, "HOST", "127.0.0.2"));
  EXPECT_TRUE(serve.address().starts_with("http://127.0.0.2:")) << serve.address();
  EXPECT_EQ(http::Client(serve.address()).Send("GET", "/health/live")->status, 200);
  http::Client elsewhere("http://127.0.0.1" + serve.address().substr(serve.address().rfind(':')));
  EXPECT_FALSE(elsewhere.Send("GET", "/health/live"));
}

TEST(Settings, LogLevelAndFormatShapeTheLines) {
  const TestDatabase owned(Engine::kSqliteFile);
  const ServeProcess owner(EnvironmentFor(owned));
  // Migrates, and then finds the port taken.
  const auto lines = [&](const std::string& level, const std::string& format) {
    const TestDatabase fresh(Engine::kSqliteFile);
    std::map<std::string, std::string> environment = EnvironmentFor(fresh);
    environment["PORT"] = owner.address().substr(owner.address().rfind(':') + 1);
    environment["LOG_LEVEL"] = level;
    environment["LOG_FORMAT"] = format;
    return RunBillhook({"serve"}, environment).err;
  };
  EXPECT_NE(lines("info", "json").find(R"("level":"info","message":"migrated")"), std::string::npos);
  EXPECT_NE(lines("info", "text").find(" info migrated migration="), std::string::npos);
  EXPECT_EQ(lines("error", "json").find("migrated"), std::string::npos);
}

TEST(Settings, PoolSizeBoundsTheSessionsForReads) {
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(With(database, "DB_POOL_SIZE", "3"));
  EXPECT_EQ(Metric(serve.address(), R"(billhook_db_sessions_max{purpose="read"})"), "3");
}

// A reader waits for a table that is locked, and holds its session meanwhile. Where there is no other, the
// next one is answered once the first has given up.
TEST(Settings, PoolSizeIsHowManyReadersAreServedBesideOneAnother) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  const auto serves_beside_a_waiting_reader = [&database](const std::string& pool_size) {
    const ServeProcess serve(With(database, "DB_POOL_SIZE", pool_size));
    const std::unique_ptr<storage::Database> other = database.Open();
    storage::Database::Lease holder = other->Acquire(storage::Purpose::kProject);
    holder->BeginWrite();
    holder->Execute("LOCK TABLE customers", {});
    const auto waits = [&other] {
      return !other->Acquire(storage::Purpose::kRead)
                  ->Query(
                      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                      "current_database()",
                      {})
                  .empty();
    };
    const auto answer = [address = serve.address()](const std::string& path) {
      return http::Client(address).Send("GET", path).has_value();
    };
    const std::future<bool> first = std::async(std::launch::async, answer, "/api/v1/customers");
    EXPECT_TRUE(Await(waits, kPatience));
    EXPECT_TRUE(answer("/api/v1/statistics"));
    const bool beside = waits();
    holder->Rollback();
    return beside;
  };
  EXPECT_FALSE(serves_beside_a_waiting_reader("1"));
  EXPECT_TRUE(serves_beside_a_waiting_reader("2"));
}

// A reader that waits for its own writes holds a thread. A quarter of them may be held so; the next reader is
// refused at once.
TEST(Settings, HttpThreadsIsHowManyReadersMayWait) {
  for (const std::size_t threads : {4, 12}) {
    const TestDatabase database(Engine::kSqliteFile);
    const ServeProcess serve(With(database, "HTTP_THREADS", std::to_string(threads)));
    std::atomic<std::size_t> refused{0};
    std::vector<std::future<int>> readers;
    for (std::size_t reader = 0; reader <= threads / 4; ++reader) {
      readers.push_back(std::async(std::launch::async, [&refused, address = serve.address()] {
        http::Client client(address);
        const int status = client.Send("GET", "/api/v1/customers?min_position=1&wait_ms=30000")->status;
        if (status == 503) ++refused;
        return status;
      }));
    }
    EXPECT_TRUE(Await([&] { return refused > 0; }, kPatience));
    http::Client client(serve.address());
    EXPECT_EQ(PostEvent(client, CustomerEvent("evt_awaited"))->status, 200);
    std::multiset<int> statuses;
    for (std::future<int>& reader : readers) statuses.insert(reader.get());
    EXPECT_EQ(statuses.count(503), 1U) << threads << " threads";
    EXPECT_EQ(statuses.count(200), threads / 4) << threads << " threads";
  }
}

// Long before the time that a request has by default.
TEST(Settings, RequestTimeoutIsHowLongARequestMayTakeToArrive) {
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(With(database, "HTTP_REQUEST_TIMEOUT_MS", "400"));
  const auto start = steady_clock::now();
  http::Peer peer(serve.address());
  peer.Send("POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\nContent-Length: 10\r\n\r\n12345");
  ASSERT_TRUE(peer.HearsWithin(std::chrono::seconds(10)));
  EXPECT_GE(steady_clock::now() - start, std::chrono::milliseconds(400));
  EXPECT_EQ(peer.Read().status, 408);
}

TEST(Settings, SnapshotFrequencyOfZeroLeavesSnapshotsToThoseWhoAskForThem) {
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(With(database, "SNAPSHOT_FREQUENCY", "0"));
  http::Client client(serve.address());
  Json events = Json::array();
  for (int i = 0; i < 200; ++i)
    events.push_back(
        {{"aggregate_type", "o"}, {"aggregate_id", "o_1"}, {"event_type", "E"}, {"data", {{"i", i}}}});
  ASSERT_EQ(client.Send("POST", "/api/v1/events", {}, Json({{"events", events}}).dump())->status, 201);
  AwaitProjections(serve.address());
  EXPECT_EQ(client.Send("GET", "/api/v1/snapshots/o_1")->status, 404);
  EXPECT_EQ(client.Send("POST", "/api/v1/snapshots", {}, R"({"aggregate_id":"o_1"})")->status, 201);
  EXPECT_EQ(client.Send("GET", "/api/v1/snapshots/o_1")->status, 200);
}

TEST(Settings, AGuessableKeyIsWarnedOfByItsPlaceAlone) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(With(database, "API_KEYS", "shop:reader:0123456789abcdef,ops:admin:0123456789abcde"));
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
  const std::string log = serve.Log();
  EXPECT_NE(log.find(R"("entry":2)"), std::string::npos) << log;
  EXPECT_EQ(log.find(R"("entry":1)"), std::string::npos) << log;
  EXPECT_EQ(log.find("0123456789"), std::string::npos) << log;
}

TEST(Settings, AppendBatchMaxBoundsWhatIsCommittedTogether) {
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(With(database, "APPEND_BATCH_MAX", "2"));
  ASSERT_EQ(RunBillhook({"simulate", "--url", serve.address(), "--events", "500", "--connections", "16"},
                        EnvironmentFor(database))
                .status,
            0);
  const std::string all = Metric(serve.address(), "billhook_append_batch_size_count");
  EXPECT_GE(std::stoi(all), 250);
  EXPECT_EQ(Metric(serve.address(), R"(billhook_append_batch_size_bucket{le="2"})"), all);
}

TEST(Settings, AppendLingerIsHowLongACommitWaitsForCallersToComeAgain) {
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(With(database, "APPEND_LINGER_US", "1000000"));
  constexpr int kEvents = 400;
  constexpr int kConnections = 8;
  ASSERT_EQ(RunBillhook({"simulate", "--url", serve.address(), "--events", std::to_string(kEvents),
                         "--connections", std::to_string(kConnections)},
                        EnvironmentFor(database))
                .status,
            0);
  // All share each commit, but for the first ones and the last; else they would take turns.
  EXPECT_LE(std::stoi(Metric(serve.address(), "billhook_append_batch_size_count")),
            kEvents / kConnections + 2 * kConnections);
}

// Three events recorded at once that a projection cannot use: a line each says so, and with which
// transaction.
TEST(Settings, ProjectionBatchIsHowManyEventsATransactionTakes) {
  const auto transactions_with = [](const std::string& batch) {
    const TestDatabase database(Engine::kSqliteFile);
    ServeProcess serve(With(database, "PROJECTION_BATCH", batch));
    http::Client client(serve.address());
    Json events = Json::array();
    for (int i = 0; i < 3; ++i) {
      events.push_back({{"aggregate_type", "prepaid_account"},
                        {"aggregate_id", "acc_none"},
                        {"event_type", "MoneyWithdrawn"},
                        {"data", {{"account_id", "acc_none"}, {"amount", 5}}}});
    }
    EXPECT_EQ(client.Send("POST", "/api/v1/events", {}, Json({{"events", events}}).dump())->status, 201);
    AwaitProjections(serve.address());
    EXPECT_EQ(AllOf(serve.address(), "/api/v1/dead-letters").size(), 3U);
    serve.Signal(SIGTERM);
    EXPECT_EQ(serve.Wait(), 0);
    std::set<std::int64_t> positions;
    std::set<std::int64_t> transactions;
    std::istringstream log(serve.Log());
    for (std::string line; std::getline(log, line);) {
      if (line.find("\"dead letter\"") == std::string::npos) continue;
      positions.insert(Json::parse(line).at("position").get<std::int64_t>());
      transactions.insert(Json::parse(line).at("projected_to").get<std::int64_t>());
    }
    EXPECT_EQ(positions.size(), 3U);
    return transactions.size();
  };
  EXPECT_GT(transactions_with("1"), 1U);  // behind, a step takes more than the one before
  EXPECT_EQ(transactions_with("100"), 1U);
}

// A webhook whose commit waits, for another session holds the log: a request in flight.
class Stopping : public ::testing::Test {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_DATABASE(database_);
    serve_.emplace(With(database_, "SHUTDOWN_TIMEOUT_MS", GetTimeout()));
    other_ = database_.Open();
    holder_.emplace(other_->Acquire(storage::Purpose::kAppend));
    (*holder_)->BeginAppend();
    (*holder_)->Query("SELECT position FROM log_head");
    answer_ = std::async(std::launch::async, [address = serve_->address()] {
      http::Client client(address);
      return PostEvent(client, CustomerEvent("evt_in_flight"));
    });
    const auto in_flight = [this] {
      return Metric(serve_->address(), R"(billhook_db_sessions_in_use{purpose="append"})") != "0";
    };
    ASSERT_TRUE(Await(in_flight, kPatience));
  }
  [[nodiscard]] virtual std::string GetTimeout() const { return "20000"; }

  TestDatabase database_{Engine::kPostgres};
  std::optional<ServeProcess> serve_;
  std::unique_ptr<storage::Database> other_;
  std::optional<storage::Database::Lease> holder_;
  std::future<std::optional<http::Response>> answer_;
};

TEST_F(Stopping, FinishesWhatIsInFlight) {
  serve_->Signal(SIGINT);
  const auto stopping = [this] { return serve_->Log().find("\"stopping\"") != std::string::npos; };
  ASSERT_TRUE(Await(stopping, kPatience));
  (*holder_)->Rollback();
  const std::optional<http::Response> answer = answer_.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(serve_->Wait(), 0);
  EXPECT_EQ(serve_->Log().find("cut off"), std::string::npos);
}

class StoppingInAHurry : public Stopping {
 protected:
  [[nodiscard]] std::string GetTimeout() const override { return "300"; }
};

TEST_F(StoppingInAHurry, CutsOffWhatIsNotDoneWithinTheTimeout) {
  serve_->Signal(SIGTERM);
  EXPECT_EQ(serve_->Wait(), 0);
  EXPECT_NE(serve_->Log().find("SHUTDOWN_TIMEOUT_MS"), std::string::npos) << serve_->Log();
  const std::optional<http::Response> answer = answer_.get();
  EXPECT_TRUE(!answer || answer->status == 503) << "nothing is acknowledged that is not durable";
  (*holder_)->Rollback();
}

}  // namespace
}  // namespace billhook::test
