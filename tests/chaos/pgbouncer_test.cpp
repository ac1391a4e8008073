// PgBouncer between billhook and PostgreSQL: many processes on few connections.
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <pqxx/pqxx>
#include <unistd.h>

#include "domain/event_store.h"
#include "service/storage/postgres/postgres_session.h"
#include "tests/chaos/load.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;
using storage::PostgresSession;
using storage::Purpose;

constexpr const char* kProgram = "/usr/sbin/pgbouncer";
constexpr int kPoolSize = 6;

class PgBouncer {
 public:
  PgBouncer(int server_port, const std::string& pool_mode) {
    std::string name = fs::temp_directory_path() / "billhook-pgbouncer.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    directory_ = name;
    std::ofstream(directory_ / "pgbouncer.ini")
        << "[databases]\npostgres = host=127.0.0.1 port=" << server_port
        << " user=billhook\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
        << "\nunix_socket_dir =\nauth_type = any\nmax_client_conn = 400\ndefault_pool_size = "
        << (pool_mode == "transaction" ? kPoolSize : 100) << "\npool_mode = " << pool_mode << "\n";
    if (geteuid() == 0) RunProgram({"chown", "-R", "postgres:postgres", name}, {});
    Start();
  }
  ~PgBouncer() {
    process_.reset();
    fs::remove_all(directory_);
  }
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  [[nodiscard]] std::string url() const {
    return "postgresql://billhook@127.0.0.1:" + std::to_string(port_) + "/postgres";
  }
  void Restart() {
    process_.reset();
    Start();
  }

 private:
  void Start() {
    std::vector<std::string> command;
    if (geteuid() == 0) command = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"};
    command.insert(command.end(), {kProgram, directory_ / "pgbouncer.ini"});
    process_ = std::make_unique<ChildProcess>(command, ProcessEnvironment());
    const auto answers = [this] {
      try {
        return PostgresSession(url(), Purpose::kRead).pooled();
      } catch (const StorageError&) {
        return false;
      }
    };
    if (!Await(answers, std::chrono::seconds(30)))
      throw std::runtime_error("PgBouncer does not answer: " + process_->Log());
  }

  fs::path directory_;
  int port_ = FreePort();
  std::unique_ptr<ChildProcess> process_;
};

class Pooled : public ::testing::TestWithParam<const char*> {};

TEST_P(Pooled, TwoProcessesShareFewConnectionsAndLeaveNothingBehindOnThem) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  BILLHOOK_REQUIRE_PROGRAM(kProgram);
  const std::size_t rounds = Rounds(2);
  const PostgresServer server;
  EXPECT_FALSE(PostgresSession(server.url(), Purpose::kRead).pooled());
  PgBouncer pooler(server.port(), GetParam());
  const ServeProcess one(EnvironmentFor(pooler.url()));
  const ServeProcess two(EnvironmentFor(pooler.url()));
  Load load({one.address(), two.address()}, {.events = 1'000 * (rounds + 1), .posters = 12});
  std::chrono::milliseconds longest{0};
  for (std::size_t round = 0; round < rounds; ++round) {
    load.AwaitProgress(500);
    const auto killed = Load::Clock::now();
    pooler.Restart();
    load.AwaitProgress(200);
    longest = std::max(longest, load.LongestSilence(killed));
  }
  ASSERT_TRUE(load.Finish());
  const std::string kind = std::string("PgBouncer killed (-9), pool_mode = ") + GetParam();
  ExpectNothingLost(kind, rounds, one.address(), pooler.url(), load, longest);
  EXPECT_TRUE(FactsOf(one.address()) == FactsOf(two.address()));
  // It hands on no notifications, so what was compared just now was found by looking.
  for (const ServeProcess* process : {&one, &two})
    EXPECT_EQ(Get(process->address(), "/health")["checks"]["projections"]["notifications"], "polling");

  const storage::Rows connections =
      server.Query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'billhook'");
  std::cout << connections.Int(0, 0) << " connections to PostgreSQL\n";
  if (std::string(GetParam()) != "transaction") return;
  EXPECT_LE(connections.Int(0, 0), kPoolSize);
  // All of them at once, so that each is looked at.
  std::deque<pqxx::connection> clients;
  std::deque<pqxx::nontransaction> sessions;
  for (int i = 0; i < kPoolSize; ++i) {
    pqxx::nontransaction& session = sessions.emplace_back(clients.emplace_back(pooler.url()));
    session.exec("BEGIN");
    EXPECT_EQ(session.exec("SHOW synchronous_commit")[0][0].as<std::string>(), "on");
    EXPECT_EQ(session.exec("SHOW enable_seqscan")[0][0].as<std::string>(), "on");
    EXPECT_TRUE(session.exec("SELECT 1 FROM pg_prepared_statements").empty());
  }
}

TEST_P(Pooled, StatementsOutsideOfATransactionHaveTheirLimits) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  BILLHOOK_REQUIRE_PROGRAM(kProgram);
  const PostgresServer server;
  const PgBouncer pooler(server.port(), GetParam());
  PostgresSession finds(pooler.url(), Purpose::kFind);
  EXPECT_EQ(finds.Query("SHOW statement_timeout", {}).Text(0, 0), "5s");
  EXPECT_EQ(PostgresSession(pooler.url(), Purpose::kRead).Query("SHOW statement_timeout", {}).Text(0, 0),
            "1min");
  EXPECT_THROW(finds.Query("SELECT 1 / 0", {}), StorageError);
  EXPECT_TRUE(finds.usable());
  EXPECT_EQ(finds.Query("SHOW lock_timeout", {}).Text(0, 0), "5s");
}

INSTANTIATE_TEST_SUITE_P(Modes, Pooled, ::testing::Values("transaction", "session"));

}  // namespace
}  // namespace billhook::test
