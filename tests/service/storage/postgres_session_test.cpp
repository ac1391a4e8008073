// What only PostgreSQL's sessions do: outlive servers that hang up, and doubt commits that come with a
// warning.
#include "service/storage/postgres/postgres_session.h"

#include "domain/event_store.h"
#include "service/storage/event_log.h"
#include "service/storage/postgres/postgres_database.h"
#include "tests/support/appends.h"
#include "tests/support/child_process.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::PostgresDatabase;
using storage::PostgresSession;
using storage::Purpose;

class PostgresSessions : public ::testing::Test {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_DATABASE(database_); }

  TestDatabase database_{Engine::kPostgres};
};

TEST_F(PostgresSessions, AreNotHandedOutAfterTheServerHungUp) {
  PostgresDatabase database(database_.url(), 2);
  std::string process;
  {
    storage::Database::Lease session = database.Acquire(Purpose::kRead);
    process = session->Query("SELECT pg_backend_pid()").Text(0, 0);
  }
  EXPECT_EQ(database.Acquire(Purpose::kRead)->Query("SELECT pg_backend_pid()").Text(0, 0), process)
      << "one that lives is used again";
  PostgresSession administrator(database_.url(), Purpose::kRead);
  administrator.Query("SELECT pg_terminate_backend($1)", {process});
  const auto gone = [&] {
    return administrator.Query("SELECT 1 FROM pg_stat_activity WHERE pid = $1", {process}).empty();
  };
  ASSERT_TRUE(Await(gone, std::chrono::seconds(30)));
  EXPECT_NE(database.Acquire(Purpose::kRead)->Query("SELECT pg_backend_pid()").Text(0, 0), process);
}

TEST_F(PostgresSessions, DoubtACommitThatComesWithAWarning) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  session.BeginWrite();
  session.ExecuteScript("ROLLBACK");
  try {
    session.Commit();
    FAIL() << "there was nothing to commit";
  } catch (const StorageError& error) {
    EXPECT_TRUE(error.retryable());
  }
  EXPECT_FALSE(session.usable());
}

// Planned while the table is empty, the statement takes the index of the generation alone, and is kept so.
TEST_F(PostgresSessions, FindARowByItsKeyThoughTheTableWasEmptyOnce) {
  PostgresSession session(database_.url(), Purpose::kProject);
  session.ExecuteScript(
      "CREATE TABLE grown (generation bigint, row_key text, owner_key text, a text, b text, c text, d text, "
      "e "
      "text, f text, g text, PRIMARY KEY (generation, row_key)); CREATE INDEX grown_owner ON grown "
      "(generation, owner_key); ALTER TABLE grown SET (autovacuum_enabled = off)");
  const auto remove = [&] {
    session.Execute("DELETE FROM grown WHERE generation = $1 AND row_key = $2",
                    {std::int64_t{1}, std::string("none")});
  };
  const auto looked_at = [&] {
    return session.Query("SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'grown'", {})
        .Int(0, 0);
  };
  for (int i = 0; i < 20; ++i) {
    if (i == 10) {
      session.ExecuteScript(
          "INSERT INTO grown SELECT 1, 'row ' || n, 'owner ' || n FROM generate_series(1, 3000) AS n");
    }
    session.BeginWrite();
    remove();
    session.Commit();
  }
  session.BeginWrite();
  const std::int64_t before = looked_at();
  remove();
  EXPECT_EQ(looked_at() - before, 0) << "rows that are not the one";
  session.Commit();
}

// A second table and its index are written for each value that PostgreSQL keeps out of line, and read for it.
TEST_F(PostgresSessions, KeepNothingOfAnEventOfTheUsualSizeOutOfLine) {
  const std::unique_ptr<storage::Database> database = database_.Open();
  storage::EventLog log(*database);
  for (int i = 0; i < 20; ++i) {
    AppendRequest request = StripeAppend("evt_1QxExampleExampleExampl" + std::to_string(i));
    request[0].event.payload = "\"";
    while (request[0].event.payload.size() < 5'000)
      request[0].event.payload += std::to_string(request[0].event.payload.size() * 7'919);
    request[0].event.payload += '"';
    request[0].content = ContentDigest(request[0].event);
    AppendOne(log, request);
  }
  const storage::Rows out_of_line =
      database->Acquire(Purpose::kRead)
          ->Query("SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'events'::regclass", {});
  EXPECT_EQ(out_of_line.Int(0, 0), 0);
}

TEST_F(PostgresSessions, BeginWithTheFirstStatement) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  PostgresSession other(database_.url(), Purpose::kRead);
  const std::string process = session.Query("SELECT pg_backend_pid()", {}).Text(0, 0);
  const auto state = [&] {
    return other.Query("SELECT state FROM pg_stat_activity WHERE pid = $1", {process}).Text(0, 0);
  };
  session.BeginWrite();
  EXPECT_EQ(state(), "idle");
  session.Rollback();
  session.BeginWrite();
  session.Commit();
  session.BeginRead();
  EXPECT_EQ(session.Query("SELECT $1 || current_setting('transaction_isolation')", {std::string("is '")})
                .Text(0, 0),
            "is 'repeatable read");
  EXPECT_EQ(state(), "idle in transaction");
  session.Rollback();
  EXPECT_EQ(state(), "idle");
}

TEST_F(PostgresSessions, ExecuteWithTheCommitWhatMayWaitForIt) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  PostgresSession other(database_.url(), Purpose::kRead);
  session.ExecuteScript("CREATE TABLE noted (number bigint, word text)");
  const auto note = [&] {
    session.ExecuteWithCommit("INSERT INTO noted (number, word) VALUES ($1, $2)",
                              {std::int64_t{-1}, std::string("it's a \\ \"word\"")});
  };
  session.BeginWrite();
  note();
  session.Rollback();
  session.BeginWrite();
  note();
  EXPECT_TRUE(other.Query("SELECT number FROM noted", {}).empty());
  session.Commit();
  const storage::Rows rows = other.Query("SELECT number, word FROM noted", {});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.Int(0, 0), -1);
  EXPECT_EQ(rows.Text(0, 1), "it's a \\ \"word\"");
}

TEST_F(PostgresSessions, FailTheCommitWithWhatWaitedForIt) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  session.ExecuteScript("CREATE TABLE unique_numbers (number bigint PRIMARY KEY)");
  session.BeginWrite();
  for (int i = 0; i < 2; ++i)
    session.ExecuteWithCommit("INSERT INTO unique_numbers (number) VALUES ($1)", {std::int64_t{1}});
  try {
    session.Commit();
    FAIL() << "the second breaks the key";
  } catch (const StorageError& error) {
    EXPECT_TRUE(error.about_data());
  }
  session.Rollback();
  EXPECT_TRUE(session.Query("SELECT number FROM unique_numbers", {}).empty());
}

TEST_F(PostgresSessions, GiveTheLogsLockUpSoonWhenTheirProcessIsSilent) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  EXPECT_EQ(session.Query("SHOW idle_in_transaction_session_timeout", {}).Text(0, 0), "5s");
  EXPECT_EQ(session.Query("SHOW synchronous_commit", {}).Text(0, 0), "on");
}

TEST_F(PostgresSessions, GiveTheReadModelsUpSoonWhenTheirProcessIsSilent) {
  PostgresSession session(database_.url(), Purpose::kProject);
  EXPECT_EQ(session.Query("SHOW idle_in_transaction_session_timeout", {}).Text(0, 0), "20s");
}

TEST_F(PostgresSessions, WaitForTheirTablesInAMigrationBrieflyAndForItsStatementsForEver) {
  PostgresSession session(database_.url(), Purpose::kAppend);
  session.BeginMigrating();
  EXPECT_EQ(session.Query("SHOW lock_timeout", {}).Text(0, 0), "5s");
  EXPECT_EQ(session.Query("SHOW statement_timeout", {}).Text(0, 0), "0");
}

TEST(PostgresUrl, GetsTimeLimitsWhereItNamesNone) {
  const std::string url = storage::WithDefaultParameters("postgresql://db/billhook?connect_timeout=9");
  EXPECT_EQ(url.find("connect_timeout=5"), std::string::npos) << url;
  for (const char* parameter : {"&tcp_user_timeout=10000", "&keepalives_idle=5", "&keepalives_interval=2",
                                "&target_session_attrs=read-write"}) {
    EXPECT_NE(url.find(parameter), std::string::npos) << url;
  }
}

}  // namespace
}  // namespace billhook::test
