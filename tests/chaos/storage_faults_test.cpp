// The database is there, but it cannot do what it is asked: it restarts, has no connection left, no room, no
// leave to write, or no time.
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "domain/event_store.h"
#include "service/http/client.h"
#include "service/storage/postgres/postgres_session.h"
#include "tests/chaos/load.h"
#include "tests/chaos/small_disk.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using storage::PostgresSession;
using storage::Purpose;
using Clock = Load::Clock;
using std::chrono::milliseconds;

constexpr std::uint64_t kEvents = 1'500;
constexpr std::uint64_t kManyEvents = 6'000;  // that last until the fault is there
constexpr std::size_t kProgress = 300;
constexpr std::size_t kRefusals = 30;

#define BILLHOOK_REQUIRE_DISK(disk) \
  if (!(disk).available()) GTEST_SKIP() << "this needs the right to mount a tmpfs"

TEST(StorageFaults, PostgresRestartsInOrderAndAfterACrash) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const std::size_t rounds = Rounds(2);
  PostgresServer server;
  const ServeProcess serve(EnvironmentFor(server.url()));
  Load load({serve.address()}, {.events = 1'000 * (rounds + 1)});
  milliseconds longest{0};
  for (std::size_t round = 0; round < rounds; ++round) {
    load.AwaitProgress(kProgress);
    if (round % 2 == 0) {
      server.Stop();
    } else {
      server.Kill();
    }
    server.Start();
    const auto started = Clock::now();
    load.AwaitProgress(kProgress);
    longest = std::max(longest, load.TimeToNextAnswer(started));
  }
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("PostgreSQL restarted, in order and killed (-9)", rounds, serve.address(), server.url(),
                    load, longest);
}

// What a load balancer and whoever is on duty are told meanwhile.
TEST(StorageFaults, HealthNamesWhatPostgresTakesAwayAndComesBackWithIt) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  PostgresServer server;
  const ServeProcess serve(EnvironmentFor(server.url()));
  http::Client client(serve.address());
  const auto status = [&client](const char* path) { return client.Send("GET", path)->status; };
  const auto healthy = [&] { return status("/health") == 200 && status("/health/ready") == 200; };
  EXPECT_TRUE(healthy());
  server.Stop();
  EXPECT_EQ(status("/health/ready"), 503);
  EXPECT_EQ(status("/health/live"), 200) << "to start it anew would help nobody";
  const std::optional<http::Response> answer = client.Send("GET", "/health");
  EXPECT_EQ(answer->status, 503);
  const nlohmann::json health = nlohmann::json::parse(answer->body);
  EXPECT_EQ(health["status"], "unavailable");
  for (const char* part : {"event_store", "database", "projections"})
    EXPECT_EQ(health["checks"][part]["status"], "unavailable") << part;
  server.Start();
  EXPECT_TRUE(Await(healthy, std::chrono::seconds(30)));
  EXPECT_EQ(status("/health/live"), 200);
}

TEST(StorageFaults, PostgresHasNoConnectionLeft) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const PostgresServer server({.settings = {"max_connections=24"}});
  const ServeProcess serve(EnvironmentFor(server.url()));
  Load load({serve.address()}, {.events = kManyEvents});
  load.AwaitProgress(kProgress);
  PostgresSession administrator(server.url(), Purpose::kRead);
  std::vector<std::unique_ptr<PostgresSession>> hogs;
  const auto all_taken = [&] {
    try {
      while (true) hogs.push_back(std::make_unique<PostgresSession>(server.url(), Purpose::kRead));
    } catch (const StorageError&) {
      return administrator
          .Query(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = "
              "'billhook'",
              {})
          .empty();
    }
  };
  EXPECT_TRUE(Await(all_taken, std::chrono::seconds(30)));
  load.AwaitRefusals(kRefusals);
  const auto repaired = Clock::now();
  hogs.clear();
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("too many connections", 1, serve.address(), server.url(), load,
                    load.TimeToNextAnswer(repaired));
}

TEST(StorageFaults, PostgresTurnsReadOnly) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const PostgresServer server;
  const ServeProcess serve(EnvironmentFor(server.url()));
  Load load({serve.address()}, {.events = kManyEvents});
  load.AwaitProgress(kProgress);
  server.Execute("ALTER SYSTEM SET default_transaction_read_only = on");
  server.Execute("SELECT pg_reload_conf()");
  load.AwaitRefusals(kRefusals);
  PostgresSession(server.url() + "?options=-cdefault_transaction_read_only%3Doff", Purpose::kRead)
      .ExecuteScript("ALTER SYSTEM RESET default_transaction_read_only");
  const auto repaired = Clock::now();
  server.Execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("PostgreSQL turned read-only", 1, serve.address(), server.url(), load,
                    load.TimeToNextAnswer(repaired));
}

TEST(StorageFaults, PostgresHasNoRoomForItsTables) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const SmallDisk disk(128);
  BILLHOOK_REQUIRE_DISK(disk);
  const PostgresServer server;
  const std::filesystem::path tables = disk.path() / "tables";
  std::filesystem::create_directory(tables);
  if (geteuid() == 0) RunProgram({"chown", "postgres:postgres", tables}, {});
  server.Execute("CREATE TABLESPACE small LOCATION '" + tables.string() + "'");
  server.Execute("CREATE DATABASE small TABLESPACE small");
  const std::string url = "postgresql://billhook@" + server.host_and_port() + "/small";
  const ServeProcess serve(EnvironmentFor(url));
  Load load({serve.address()}, {.events = kEvents});
  load.AwaitProgress(kProgress);
  disk.FillUp();
  load.AwaitRefusals(kRefusals);
  const auto repaired = Clock::now();
  disk.MakeRoom();
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("disk full under PostgreSQL's tables", 1, serve.address(), url, load,
                    load.TimeToNextAnswer(repaired));
}

TEST(StorageFaults, PostgresHasNoRoomForItsWriteAheadLog) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const SmallDisk disk(256);
  BILLHOOK_REQUIRE_DISK(disk);
  PostgresServer server({.settings = {"max_wal_size=8MB", "min_wal_size=2MB"},
                         .parent = disk.path(),
                         .initdb = {"--wal-segsize=1"}});
  const ServeProcess serve(EnvironmentFor(server.url()));
  Load load({serve.address()}, {.events = kEvents});
  load.AwaitProgress(kProgress);
  disk.FillUp();  // PostgreSQL panics, and may not come up again by itself
  load.AwaitRefusals(kRefusals);
  disk.MakeRoom();
  const auto repaired = Clock::now();
  const auto runs = [&] {
    if (!server.Running()) server.Start();
    try {
      return server.Query("SELECT 1").size() == 1;
    } catch (const StorageError&) {
      return false;
    }
  };
  EXPECT_TRUE(Await(runs, std::chrono::seconds(60)));
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("disk full under PostgreSQL's write-ahead log", 1, serve.address(), server.url(), load,
                    load.TimeToNextAnswer(repaired));
}

TEST(StorageFaults, SqliteHasNoRoom) {
  const SmallDisk disk(128);
  BILLHOOK_REQUIRE_DISK(disk);
  const std::string url = "sqlite://" + (disk.path() / "billhook.db").string();
  const ServeProcess serve(EnvironmentFor(url));
  Load load({serve.address()}, {.events = kEvents});
  load.AwaitProgress(kProgress);
  disk.FillUp();
  load.AwaitRefusals(kRefusals);
  const auto repaired = Clock::now();
  disk.MakeRoom();
  ASSERT_TRUE(load.Finish());
  ExpectNothingLost("disk full under SQLite", 1, serve.address(), url, load, load.TimeToNextAnswer(repaired));
}

TEST(StorageFaults, SqliteMayNotWriteAndSaysWhatToDo) {
  const SmallDisk disk(8);
  BILLHOOK_REQUIRE_DISK(disk);
  disk.MakeReadOnly();
  for (const char* file : {"billhook.db", "below/billhook.db"}) {
    const Finished refused =
        RunBillhook({"serve"}, EnvironmentFor("sqlite://" + (disk.path() / file).string()));
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.err.find("Read-only file system"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("give billhook a directory"), std::string::npos) << refused.err;
  }
}

std::size_t ResidentKib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib;
  }
  return 0;
}

TEST(StorageFaults, PostgresIsSlowAndWhatWaitsForItIsBounded) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const std::chrono::seconds hold(Rounds(0) == 0 ? 9 : 30);  // longer than any caller waits
  const PostgresServer server;
  const ServeProcess serve(EnvironmentFor(server.url()));
  Load load({serve.address()}, {.events = 4'000, .posters = 96});
  load.AwaitProgress(1'000);
  const std::size_t before = ResidentKib(serve.pid());
  PostgresSession slow(server.url(), Purpose::kRead);
  slow.ExecuteScript("BEGIN; SELECT 1 FROM log_head WHERE singleton = 1 FOR UPDATE");
  const auto began = Clock::now();
  std::size_t most = before;
  const auto held = [&] {
    // Sooner than those who wait for the log are answered.
    http::Client client(serve.address(), std::chrono::seconds(5));
    for (const char* path : {"/health/live", "/api/v1/ledger/balances"}) {
      const auto answer = client.Send("GET", path);
      EXPECT_TRUE(answer && answer->status == 200) << path << ": " << client.error();
    }
    most = std::max(most, ResidentKib(serve.pid()));
    return Clock::now() - began > hold;
  };
  EXPECT_TRUE(Await(held, std::chrono::minutes(2)));
  EXPECT_GT(load.refused(), 0U);
  EXPECT_LT(most - before, 64U * 1'024U);
  const auto released = Clock::now();
  slow.ExecuteScript("ROLLBACK");
  ASSERT_TRUE(load.Finish());
  std::cout << "memory grew by " << (most - before) << " KiB while the database was held\n";
  ExpectNothingLost("log locked for " + std::to_string(hold.count()) + " s, 96 callers", 1, serve.address(),
                    server.url(), load, load.TimeToNextAnswer(released));
}

}  // namespace
}  // namespace billhook::test
