// The network between billhook and PostgreSQL fails at the worst moments.
#include <memory>

#include <gtest/gtest.h>

#include "tests/chaos/database_wire.h"
#include "tests/chaos/load.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Fault = DatabaseWire::Fault;

class WireFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
    server_ = std::make_unique<PostgresServer>();
    wire_ = std::make_unique<DatabaseWire>(server_->port());
    url_ = "postgresql://billhook@127.0.0.1:" + std::to_string(wire_->port()) + "/postgres";
  }

  // Cuts one append after the other, each under load; how many events were recorded though refused.
  std::size_t CutAppends(Fault fault, const std::string& name) {
    const std::size_t rounds = Rounds(8);
    const ServeProcess serve(EnvironmentFor(url_));
    Load load({serve.address()}, {.events = 200 * (rounds + 1), .posters = 8});
    std::chrono::milliseconds longest{0};
    for (std::size_t round = 0; round < rounds; ++round) {
      load.AwaitProgress(100);
      const std::size_t refused = load.refused();
      const auto armed = Load::Clock::now();
      wire_->Arm(fault);
      EXPECT_TRUE(Await([&] { return wire_->Struck(); }, std::chrono::seconds(30)));
      load.AwaitProgress(50);
      EXPECT_GT(load.refused(), refused) << "nobody may be told that a cut COMMIT took place";
      longest = std::max(longest, load.LongestSilence(armed));
    }
    EXPECT_TRUE(load.Finish());
    ExpectNothingLost(name, rounds, serve.address(), url_, load, longest);
    return load.recorded_though_refused();
  }

  std::unique_ptr<PostgresServer> server_;
  std::unique_ptr<DatabaseWire> wire_;
  std::string url_;
};

TEST_F(WireFaults, ACutBeforeTheCommitLeavesNothingBehind) {
  EXPECT_EQ(CutAppends(Fault::kCutBeforeCommit, "connection cut before COMMIT arrives"), 0U);
}

TEST_F(WireFaults, ACutBeforeTheCommitsAnswerIsADuplicateWhenItIsSentAgain) {
  EXPECT_GT(CutAppends(Fault::kCutAfterCommit, "connection cut before the answer to COMMIT"), 0U);
}

TEST_F(WireFaults, AProcessThatVanishesWithTheLogsLockHoldsUpTheOthersForSecondsOnly) {
  const ServeProcess vanishing(EnvironmentFor(url_));
  const ServeProcess other(EnvironmentFor(server_->url()));
  Load load({vanishing.address(), other.address()}, {.events = 2'000, .posters = 8});
  load.AwaitProgress(400);
  const auto armed = Load::Clock::now();
  wire_->Arm(Fault::kFreezeWithLock);
  EXPECT_TRUE(Await([&] { return wire_->Struck(); }, std::chrono::seconds(30)));
  load.AwaitProgress(400);  // all of it by the other process
  const std::chrono::milliseconds silence = load.LongestSilence(armed);
  wire_->Heal();
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("a process vanishes while it holds the log's lock", 1, vanishing.address(),
                    server_->url(), load, silence);
}

}  // namespace
}  // namespace billhook::test
