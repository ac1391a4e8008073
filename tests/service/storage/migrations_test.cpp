#include "service/storage/migrations.h"

#include <thread>

#include "domain/event_store.h"
#include "service/storage/open_database.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::AllMigrations;
using storage::Migration;

class Migrations : public OnEachEngine {};

TEST_P(Migrations, AreAppliedOnceAndInOrder) {
  const auto opened = database().OpenUnmigrated();
  const std::vector<std::string> applied = storage::Migrate(*opened, AllMigrations(), kNow);
  ASSERT_EQ(applied.size(), AllMigrations().size());
  EXPECT_EQ(applied.front(), "0001_event_log");
  EXPECT_TRUE(storage::Migrate(*opened, AllMigrations(), kNow).empty());
  for (const storage::MigrationStatus& status : storage::StatusOf(*opened, AllMigrations())) {
    EXPECT_TRUE(status.applied) << status.name;
    EXPECT_EQ(status.applied_at, kNow);
  }
}

// All that SQLite says of its tables, whichever file they are in.
std::string SchemasOf(storage::Database& database) {
  const std::string first = "SELECT name, sql FROM main.sqlite_master";
  return "(" + first +
         (database.parts().size() > 1 ? " UNION ALL SELECT name, sql FROM log.sqlite_master)" : ")");
}

TEST_P(Migrations, AppliedStepByStepMakeTheSameSchemaAsAtOnce) {
  const TestDatabase other(GetParam());
  const auto at_once = database().Open();
  const auto stepwise = other.OpenUnmigrated();
  for (std::size_t count = 1; count <= AllMigrations().size(); ++count) {
    const std::vector<Migration> some(AllMigrations().begin(),
                                      AllMigrations().begin() + static_cast<std::ptrdiff_t>(count));
    EXPECT_EQ(storage::Migrate(*stepwise, some, kNow).size(), 1U);
  }
  const std::string schema =
      at_once->engine() == "sqlite"
          ? "SELECT name, coalesce(sql, '') FROM " + SchemasOf(*at_once) + " ORDER BY name"
          : "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = 'public' ORDER BY 1";
  const auto read = [&](storage::Database& opened) {
    storage::Database::Lease session = opened.Acquire(storage::Purpose::kRead);
    const storage::Rows rows = session->Query(schema);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < rows.size(); ++i) lines.push_back(rows.Text(i, 0) + " " + rows.Text(i, 1));
    return lines;
  };
  EXPECT_EQ(read(*at_once), read(*stepwise));
  EXPECT_GT(read(*at_once).size(), 10U);
}

TEST_P(Migrations, AreRefusedWhenOneWasAppliedWithAnotherText) {
  const auto opened = database().Open();
  std::vector<Migration> changed = AllMigrations();
  changed.front().sql += "-- changed";
  EXPECT_THROW(storage::Migrate(*opened, changed, kNow), StorageError);
}

TEST_P(Migrations, AreRefusedWhenTheDatabaseIsAheadOfTheBinary) {
  const auto opened = database().Open();
  const std::vector<Migration> fewer(AllMigrations().begin(), AllMigrations().end() - 1);
  EXPECT_THROW(storage::Migrate(*opened, fewer, kNow), StorageError);
}

TEST_P(Migrations, LeaveNothingBehindWhenOneFails) {
  const auto opened = database().Open();
  std::vector<Migration> more = AllMigrations();
  more.push_back({"0900_half", "CREATE TABLE half (a BIGINT); CREATE TABLE half (a BIGINT);"});
  EXPECT_THROW(storage::Migrate(*opened, more, kNow), StorageError);
  storage::Database::Lease session = opened->Acquire(storage::Purpose::kRead);
  EXPECT_THROW(session->Query("SELECT a FROM half"), StorageError);
}

INSTANTIATE_TEST_SUITE_P(Engines, Migrations,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST(MigrationsOnPostgres, RaceSafelyBetweenProcesses) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  std::vector<std::thread> racers;
  std::vector<std::size_t> applied(6, 0);
  for (std::size_t i = 0; i < applied.size(); ++i) {
    racers.emplace_back(
        [&, i] { applied[i] = storage::Migrate(*database.OpenUnmigrated(), AllMigrations(), kNow).size(); });
  }
  for (std::thread& racer : racers) racer.join();
  std::size_t total = 0;
  for (std::size_t count : applied) total += count;
  EXPECT_EQ(total, AllMigrations().size());
}

TEST(SqlForAPart, HoldsWhatIsSharedItsEnginesAndItsOwn) {
  const std::string sql =
      "a\n-- @sqlite\nb\n-- @postgresql\nc\n-- @sqlite log\nd\n-- @sqlite models\ne\n-- @both\nf\n-- "
      "@models\ng\n";
  EXPECT_EQ(storage::SqlFor("sqlite", sql), "a\nb\nf\ng\n");
  EXPECT_EQ(storage::SqlFor("sqlite log", sql), "a\nb\nd\nf\n");
  EXPECT_EQ(storage::SqlFor("sqlite models", sql), "a\nb\ne\nf\ng\n");
  EXPECT_EQ(storage::SqlFor("postgresql", sql), "a\nc\nf\ng\n");
}

TEST(SqliteFile, HasOneOwner) {
  const TestDatabase file(Engine::kSqliteFile);
  auto owner = file.Open();
  try {
    static_cast<void>(file.OpenUnmigrated());
    FAIL() << "a second process may not own the file";
  } catch (const StorageError& error) {
    EXPECT_FALSE(error.retryable());
    EXPECT_NE(std::string(error.what()).find("in use by another billhook"), std::string::npos)
        << error.what();
  }
  EXPECT_NO_THROW(storage::OpenDatabase(file.url(), 1, storage::Ownership::kShared)) << "verify may look on";
  owner.reset();
  EXPECT_NO_THROW(static_cast<void>(file.OpenUnmigrated()));
}

TEST(SqliteFile, ThatIsMissingIsNotMadeForSomebodyWhoLooksOn) {
  EXPECT_THROW(storage::OpenDatabase("sqlite:///nonexistent/billhook.db", 1, storage::Ownership::kShared),
               StorageError);
}

}  // namespace
}  // namespace billhook::test
