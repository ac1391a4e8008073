// A PostgreSQL primary with a synchronous standby: what is acknowledged is on both, and whichever remains
// goes on.
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/simulate/history.h"
#include "tests/chaos/load.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

class Failover : public ::testing::Test {
 protected:
  void SetUp() override {
    BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
    primary_ = std::make_unique<PostgresServer>();
    standby_ = std::make_unique<PostgresServer>(*primary_, PostgresServer::Options());
    primary_->SetSynchronous(true);
    url_ =
        "postgresql://billhook@" + primary_->host_and_port() + "," + standby_->host_and_port() + "/postgres";
  }

  // The primary is gone as if its machine were, and the standby takes its place.
  void FailOver() {
    primary_->Kill();
    standby_->SetSynchronous(false);  // nobody follows it yet
    standby_->Promote();
  }
  // A new standby, at the address of the primary that is gone.
  void FollowAgain() {
    const int port = primary_->port();
    primary_ = std::move(standby_);
    standby_ = std::make_unique<PostgresServer>(*primary_, PostgresServer::Options{.port = port});
    primary_->SetSynchronous(true);
  }

  std::unique_ptr<PostgresServer> primary_;
  std::unique_ptr<PostgresServer> standby_;
  std::string url_;
};

TEST_F(Failover, LosesNothingThatWasAcknowledgedAndReconnectsWithoutARestart) {
  const std::size_t rounds = Rounds(2);
  const ServeProcess serve(EnvironmentFor(url_));
  Load load({serve.address()}, {.events = 1'000 * (rounds + 1), .posters = 8});
  std::chrono::milliseconds longest{0};
  for (std::size_t round = 0; round < rounds; ++round) {
    load.AwaitProgress(400);
    const auto killed = Load::Clock::now();
    FailOver();
    load.AwaitProgress(200);
    longest = std::max(longest, load.LongestSilence(killed));
    FollowAgain();
  }
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("primary killed, synchronous standby promoted", rounds, serve.address(), url_, load,
                    longest);
  const auto hears = [&] {
    return Get(serve.address(), "/health")["checks"]["projections"]["notifications"] == "working";
  };
  EXPECT_TRUE(Await(hears, std::chrono::minutes(2))) << "it listens on the new primary";
}

// The steps of the read models are not flushed one by one: the standby may have all events and fewer steps.
TEST_F(Failover, AnswersNoReaderWithLessThanHeAskedFor) {
  primary_->Execute("ALTER SYSTEM SET wal_writer_delay = '10s'");
  primary_->Execute("SELECT pg_reload_conf()");
  // Once such a flush has just been, the next is ten seconds away.
  primary_->Execute("DO $$ BEGIN SET LOCAL synchronous_commit = off; PERFORM pg_current_xact_id(); END $$");
  const std::string flushed = "SELECT 1 WHERE pg_current_wal_flush_lsn() >= '" +
                              primary_->Query("SELECT pg_current_wal_insert_lsn()").Text(0, 0) + "'";
  ASSERT_TRUE(Await([&] { return !primary_->Query(flushed).empty(); }, std::chrono::seconds(30)));
  const ServeProcess serve(EnvironmentFor(url_));
  Load load({serve.address()}, {.events = 300, .posters = 8});
  ASSERT_TRUE(load.Finish());
  AwaitProjections(serve.address());
  FailOver();
  const storage::Rows behind = standby_->Query(
      "SELECT 1 FROM projections p JOIN checkpoints c ON c.projection = p.name CROSS JOIN log_head h WHERE "
      "c.position < h.position AND p.name <> 'saga_runtime'");
  EXPECT_FALSE(behind.empty()) << "the standby knows of all steps: this test shows nothing";
  http::Client client(serve.address());
  const auto reads = [&] {
    const std::optional<http::Response> response = client.Send("GET", "/api/v1/statistics");
    return response && response->status == 200;
  };
  ASSERT_TRUE(Await(reads, std::chrono::seconds(30)));
  ExpectTruth(FactsOf(serve.address()), load.truth());
}

// Without a synchronous standby a failover takes back what the last moments brought, and new events take
// those positions: whatever billhook remembers of the old server's log is not to be mixed with them.
TEST_F(Failover, ShowsWhatTheNewPrimaryHasWhereThatIsLess) {
  primary_->SetSynchronous(false);
  const ServeProcess serve(EnvironmentFor(url_));
  http::Client client(serve.address());
  ASSERT_EQ(PostEvent(client, CustomerEvent("evt_1", "cus_1"))->status, 200);
  AwaitProjections(serve.address());
  const std::string head = "SELECT position FROM log_head";
  const std::string replayed = "SELECT 1 WHERE pg_last_wal_replay_lsn() >= '" +
                               primary_->Query("SELECT pg_current_wal_insert_lsn()").Text(0, 0) + "'";
  ASSERT_TRUE(Await([&] { return !standby_->Query(replayed).empty(); }, std::chrono::seconds(30)));
  standby_->Execute("ALTER SYSTEM SET primary_conninfo = ''");
  standby_->Execute("SELECT pg_reload_conf()");
  const auto hears_nothing = [&] { return standby_->Query("SELECT 1 FROM pg_stat_wal_receiver").empty(); };
  ASSERT_TRUE(Await(hears_nothing, std::chrono::seconds(30)));
  ASSERT_EQ(PostEvent(client, CustomerEvent("evt_lost", "cus_lost"))->status, 200);
  AwaitProjections(serve.address());

  FailOver();
  const auto posted = [&] {
    const std::optional<http::Response> answer = PostEvent(client, CustomerEvent("evt_new", "cus_new"));
    return answer && answer->status == 200;
  };
  ASSERT_TRUE(Await(posted, std::chrono::seconds(60)));
  ASSERT_EQ(standby_->Query(head).Int(0, 0), 2) << "it has taken the position of the one that is lost";
  AwaitProjections(serve.address());
  std::vector<std::string> customers;
  for (const nlohmann::json& customer : AllOf(serve.address(), "/api/v1/customers"))
    customers.push_back(customer.at("id"));
  EXPECT_EQ(customers, (std::vector<std::string>{"cus_1", "cus_new"}));
}

// PostgreSQL ends a wait for the standby that an administrator cancels with a mere warning, and says COMMIT.
TEST_F(Failover, AcknowledgesNoCommitThatTheStandbyDoesNotHave) {
  // A server whose sessions are to say nothing says what COMMIT has to tell all the same.
  primary_->Execute("ALTER ROLE billhook SET client_min_messages = error");
  const ServeProcess serve(EnvironmentFor(url_));
  const std::vector<std::string> bodies = simulate::GenerateHistory({.seed = 1, .events = 2});
  http::Client client(serve.address());
  ASSERT_EQ(PostEvent(client, bodies[0])->status, 200);
  standby_->Kill();
  std::optional<http::Response> answer;
  std::thread poster([&] { answer = PostEvent(client, bodies[1]); });
  const std::string waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  EXPECT_TRUE(Await([&] { return !primary_->Query(waiting).empty(); }, std::chrono::seconds(30)));
  primary_->Query("SELECT pg_cancel_backend(pid) FROM (" + waiting + ") AS waiting");
  poster.join();
  EXPECT_EQ(answer->status, 503) << answer->body;

  // Sent again, it is a duplicate on the primary, and still the standby has none of it.
  std::thread again([&] { answer = PostEvent(client, bodies[1]); });
  EXPECT_TRUE(Await([&] { return !primary_->Query(waiting).empty(); }, std::chrono::seconds(30)))
      << "a duplicate waits for the standby as a first does";
  standby_ = std::make_unique<PostgresServer>(*primary_, PostgresServer::Options{.port = standby_->port()});
  again.join();
  for (int attempt = 0; attempt < 10 && answer->status == 503; ++attempt)
    answer = PostEvent(client, bodies[1]);
  ASSERT_EQ(answer->status, 200) << answer->body;
  EXPECT_TRUE(nlohmann::json::parse(answer->body)["duplicate"]) << answer->body;
  FailOver();
  EXPECT_EQ(standby_->Query("SELECT count(*) FROM events").Int(0, 0), 2);
}

}  // namespace
}  // namespace billhook::test
