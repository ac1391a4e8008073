// Many billhook processes on one PostgreSQL.
#include <atomic>
#include <csignal>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "service/clock.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "tests/chaos/load.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/nginx.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

constexpr std::size_t kReplicas = 3;
constexpr std::size_t kEventsARound = 400;

using Clock = Load::Clock;

std::chrono::milliseconds Since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
}

// The same process again, at the same address.
ProcessEnvironment At(const std::string& address, ProcessEnvironment environment) {
  environment["PORT"] = address.substr(address.rfind(':') + 1);
  return environment;
}

class Replicas : public ::testing::Test {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
    server_ = std::make_unique<PostgresServer>();
    environment_ = EnvironmentFor(server_->url());
  }
  // All at once, as a deployment starts them.
  void StartReplicas() {
    replicas_.resize(kReplicas);
    std::vector<std::thread> starts;
    for (auto& replica : replicas_)
      starts.emplace_back([&] { replica = std::make_unique<ServeProcess>(environment_); });
    for (std::thread& start : starts) start.join();
  }
  std::vector<std::string> Addresses() const {
    std::vector<std::string> addresses;
    for (const auto& replica : replicas_) addresses.push_back(replica->address());
    return addresses;
  }

  std::unique_ptr<PostgresServer> server_;
  ProcessEnvironment environment_;
  std::vector<std::unique_ptr<ServeProcess>> replicas_;
};

TEST_F(Replicas, LoseAndDoubleNothingWhenOneAtATimeIsKilledBehindNginx) {
  BILLHOOK_REQUIRE_PROGRAM(Nginx::kProgram);
  const std::size_t rounds = Rounds(6);
  StartReplicas();
  const Nginx nginx(Addresses());
  Load load({nginx.address()},
            {.events = kEventsARound * (2 * rounds + 1), .posters = 16, .refusals = {502, 503, 504}});
  std::chrono::milliseconds longest{0};
  for (std::size_t round = 0; round < rounds; ++round) {
    load.AwaitProgress(kEventsARound);
    std::unique_ptr<ServeProcess>& victim = replicas_[round % kReplicas];
    const std::string address = victim->address();
    const auto killed = Clock::now();
    victim->Signal(SIGKILL);
    EXPECT_EQ(victim->Wait(), 128 + SIGKILL);
    load.AwaitProgress(kEventsARound / 2);  // by the two that remain
    longest = std::max(longest, load.LongestSilence(killed));
    victim = std::make_unique<ServeProcess>(At(address, environment_));
  }
  ASSERT_TRUE(load.Finish());
  const auto delivered = Clock::now();
  for (const auto& replica : replicas_) AwaitProjections(replica->address());
  std::cout << "lag back to zero " << Since(delivered).count() << " ms after the last answer\n";
  const Facts facts = FactsOf(replicas_[0]->address());
  for (const auto& replica : replicas_) EXPECT_TRUE(FactsOf(replica->address()) == facts);
  ExpectNothingLost("a replica of three killed (-9) behind nginx", rounds, replicas_[0]->address(),
                    server_->url(), load, longest);
}

TEST_F(Replicas, MigrateAnEmptyDatabaseOnceHoweverManyStartTogether) {
  const std::size_t rounds = Rounds(2);
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::string name = "race_" + std::to_string(round);
    server_->Execute("CREATE DATABASE " + name);
    const std::string url = server_->url();
    environment_ = EnvironmentFor(url.substr(0, url.rfind('/') + 1) + name);
    std::vector<std::unique_ptr<ServeProcess>> racers(6);
    std::vector<std::thread> starts;
    std::atomic<int> failed{0};
    for (auto& racer : racers) {
      starts.emplace_back([&] {
        try {
          racer = std::make_unique<ServeProcess>(environment_);
        } catch (const std::exception& error) {
          ++failed;
          std::cout << error.what() << std::endl;
        }
      });
    }
    for (std::thread& start : starts) start.join();
    ASSERT_EQ(failed, 0);
    std::size_t migrated = 0;
    for (const auto& racer : racers) {
      const std::string log = racer->Log();
      const std::string line = "\"migrated\"";
      for (std::size_t at = log.find(line); at != std::string::npos; at = log.find(line, at + 1)) ++migrated;
    }
    EXPECT_EQ(migrated, storage::AllMigrations().size()) << "each migration is applied by one of them";
    EXPECT_EQ(Get(racers[0]->address(), "/api/v1/statistics")["total_events"], 0);
  }
}

TEST_F(Replicas, GoOnThroughARollingUpgradeThatAddsToTheSchema) {
  StartReplicas();
  Load load(Addresses(), {.events = 3'000, .posters = 12});
  const auto began = Clock::now();
  // Each in turn ends what it has taken in, and another takes its place.
  for (auto& replica : replicas_) {
    load.AwaitProgress(400);
    const ProcessEnvironment environment = At(replica->address(), environment_);
    replica->Signal(SIGTERM);
    EXPECT_EQ(replica->Wait(), 0);
    replica = std::make_unique<ServeProcess>(environment);
  }
  // What the first process of a newer version does as it starts; the old ones are in the midst of their work.
  std::vector<storage::Migration> newer = storage::AllMigrations();
  newer.push_back({"9999_newer",
                   "ALTER TABLE invoices ADD COLUMN newer text; CREATE TABLE newer (id text PRIMARY KEY); "
                   "CREATE INDEX newer_invoices ON invoices (newer);"});
  {
    const auto database = storage::OpenDatabase(server_->url(), 1, storage::Ownership::kExclusive);
    EXPECT_EQ(storage::Migrate(*database, newer, SystemClock()), std::vector<std::string>{"9999_newer"});
  }
  load.AwaitProgress(400);
  // One of the old version that starts only now is told why it must not.
  const Finished late = RunBillhook({"serve"}, environment_);
  EXPECT_EQ(late.status, 1);
  EXPECT_NE(late.err.find("ahead of this binary"), std::string::npos) << late.err;
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("a rolling restart and a migration under load", 1, replicas_[0]->address(),
                    server_->url(), load, load.LongestSilence(began));
}

}  // namespace
}  // namespace billhook::test
