// Read models in a SQLite file of their own: they are of the log beside them, whatever is put in its place,
// and who writes them holds up nobody who appends.
#include "service/storage/sqlite/models_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "projections/event_counts.h"
#include "service/storage/event_log.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"
#include "service/storage/sqlite/sqlite_backup.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

class TheModelsFile : public ::testing::Test {
 protected:
  // Appends so many events and follows the log to its end.
  static void Record(const std::string& url, int count, const std::string& ids) {
    const auto database = Open(url);
    storage::EventLog log(*database);
    for (int i = 0; i < count; ++i) AppendOne(log, StripeAppend("evt_" + ids + std::to_string(i)));
    Follow(*database);
  }
  // How many events the read model counts when it has followed the log; `kept` of them it knew at the start.
  static std::int64_t Counted(const std::string& url, std::int64_t kept) {
    const auto database = Open(url);
    storage::ReadModels read_models(*database);
    read_models.Register({&projection_}, kNow);
    EXPECT_EQ(read_models.PositionOf("statistics"), kept);
    Follow(*database);
    storage::Database::Lease session = database->Acquire(storage::Purpose::kRead);
    return session->Query("SELECT events FROM event_counts").Int(0, 0);
  }
  static std::unique_ptr<storage::Database> Open(const std::string& url) {
    auto database = storage::OpenDatabase(url, 2, storage::Ownership::kExclusive);
    storage::Migrate(*database, storage::AllMigrations(), kNow);
    return database;
  }
  // The migrations of the time when read models lay with the log.
  static std::vector<storage::Migration> InOneFile() {
    const std::vector<storage::Migration>& all = storage::AllMigrations();
    return {all.begin(), std::find_if(all.begin(), all.end(), [](const storage::Migration& migration) {
              return migration.name == "0013_read_models_apart";
            })};
  }
  static void Follow(storage::Database& database) {
    storage::ReadModels read_models(database);
    read_models.Register({&projection_}, kNow);
    while (read_models.Advance(projection_, 10, kNow).outcome == storage::Step::Outcome::kAdvanced) {
    }
  }
  [[nodiscard]] std::string File(const TestDatabase& database) const {
    return *storage::SqliteFileOf(database.url());
  }

  static const EventCounts projection_;
  TestDatabase database_{Engine::kSqliteFile};
  int written_ = 0;
};

const EventCounts TheModelsFile::projection_;

TEST_F(TheModelsFile, StaysWithItsLog) {
  Record(database_.url(), 3, "a");
  Record(database_.url(), 2, "b");
  EXPECT_EQ(Counted(database_.url(), 5), 5);
}

TEST_F(TheModelsFile, IsMadeAgainWhereAnotherLogIsPutBesideIt) {
  const TestDatabase other{Engine::kSqliteFile};
  Record(database_.url(), 3, "a");
  Record(other.url(), 7, "b");
  fs::copy_file(File(other), File(database_), fs::copy_options::overwrite_existing);
  EXPECT_EQ(Counted(database_.url(), 0), 7);
}

TEST_F(TheModelsFile, IsMadeAgainWhereAnOlderLogIsPutBesideIt) {
  Record(database_.url(), 3, "a");
  fs::copy_file(File(database_), File(database_) + ".backup");
  Record(database_.url(), 4, "b");
  fs::copy_file(File(database_) + ".backup", File(database_), fs::copy_options::overwrite_existing);
  EXPECT_EQ(Counted(database_.url(), 0), 3);
}

TEST_F(TheModelsFile, IsMadeAgainWhereTheLogIsGone) {
  Record(database_.url(), 3, "a");
  fs::remove(File(database_));
  Record(database_.url(), 1, "b");
  EXPECT_EQ(Counted(database_.url(), 1), 1);
}

TEST_F(TheModelsFile, IsMadeAgainWhereItIsGoneOrDamaged) {
  Record(database_.url(), 3, "a");
  fs::remove(storage::ModelsFileOf(File(database_)));
  EXPECT_EQ(Counted(database_.url(), 0), 3);
  std::ofstream(storage::ModelsFileOf(File(database_)), std::ios::trunc) << std::string(8'192, 'x');
  EXPECT_EQ(Counted(database_.url(), 0), 3);
}

TEST_F(TheModelsFile, StaysWhereTheLogIsDamaged) {
  Record(database_.url(), 3, "a");
  const auto size = fs::file_size(storage::ModelsFileOf(File(database_)));
  std::fstream log(File(database_), std::ios::in | std::ios::out | std::ios::binary);
  const std::string damage(fs::file_size(File(database_)) - 4'096, 'x');
  log.seekp(4'096);
  log.write(damage.data(), static_cast<std::streamsize>(damage.size())).flush();
  EXPECT_THROW(Open(database_.url()), StorageError);
  EXPECT_EQ(fs::file_size(storage::ModelsFileOf(File(database_))), size);
}

TEST_F(TheModelsFile, IsBackedUpThroughALinkToo) {
  Record(database_.url(), 3, "a");
  const fs::path directory = fs::path(File(database_)).parent_path();
  fs::create_symlink(File(database_), directory / "link.db");
  const std::string copy = (directory / "copy.db").string();
  EXPECT_EQ(storage::BackUpSqlite((directory / "link.db").string(), copy, [](auto, auto) {}), std::nullopt);
  EXPECT_EQ(Counted("sqlite://" + copy, 3), 3);
}

TEST_F(TheModelsFile, HoldsUpNoBackupOfTheLog) {
  Record(database_.url(), 3, "a");
  const fs::path directory = fs::path(File(database_)).parent_path();
  std::ofstream(storage::ModelsFileOf(File(database_)), std::ios::trunc).flush();  // never migrated
  const std::string copy = (directory / "copy.db").string();
  EXPECT_EQ(storage::BackUpSqlite(File(database_), copy, [](auto, auto) {}), std::nullopt);
  EXPECT_EQ(Counted("sqlite://" + copy, 0), 3);
  std::ofstream(storage::ModelsFileOf(File(database_)), std::ios::trunc) << std::string(8'192, 'x');
  const std::string another = (directory / "another.db").string();
  EXPECT_NE(storage::BackUpSqlite(File(database_), another, [](auto, auto) {}), std::nullopt);
  EXPECT_EQ(Counted("sqlite://" + another, 0), 3);
  // Nor does what a backup that died has left become a part of this one.
  fs::remove(storage::ModelsFileOf(File(database_)));
  const std::string last = (directory / "last.db").string();
  std::ofstream(storage::ModelsFileOf(last) + ".partial") << "half";
  EXPECT_EQ(storage::BackUpSqlite(File(database_), last, [](auto, auto) {}), std::nullopt);
  EXPECT_FALSE(fs::exists(storage::ModelsFileOf(last)));
}

TEST_F(TheModelsFile, IsNotMadeForSomebodyWhoLooksAtTheLog) {
  Record(database_.url(), 3, "a");
  fs::remove(storage::ModelsFileOf(File(database_)));
  {
    const auto looking = storage::OpenDatabase(database_.url(), 1, storage::Ownership::kShared);
    EXPECT_EQ(storage::EventLog(*looking).LatestPosition(), 3);
  }
  EXPECT_FALSE(fs::exists(storage::ModelsFileOf(File(database_))));
}

TEST_F(TheModelsFile, IsFoundUnderAnyName) {
  const std::string url = "sqlite://" + fs::path(File(database_)).parent_path().string() + "/50% of? #1 ä.db";
  Record(url, 3, "a");
  EXPECT_EQ(Counted(url, 3), 3);
}

TEST_F(TheModelsFile, IsWrittenWhileOthersAppend) {
  const auto database = Open(database_.url());
  storage::EventLog log(*database);
  storage::Database::Lease session = database->Acquire(storage::Purpose::kProject);
  storage::Transaction transaction(*session);
  session->BeginFollowing();
  session->Execute("UPDATE projections SET version = version");
  EXPECT_TRUE(std::holds_alternative<Recorded>(AppendOne(log, StripeAppend("evt_1"))));
  EXPECT_THROW(session->Execute("DELETE FROM commands"), StorageError)
      << "who writes them writes nothing else";
}

TEST_F(TheModelsFile, IsMadeAgainThoughNobodyIsToMigrate) {
  Record(database_.url(), 3, "a");
  fs::remove(storage::ModelsFileOf(File(database_)));
  const auto database = storage::OpenDatabase(database_.url(), 2, storage::Ownership::kExclusive);
  EXPECT_EQ(storage::RequireMigrated(*database, kNow), std::nullopt);
  Follow(*database);
  EXPECT_EQ(storage::ReadModels(*database).PositionOf("statistics"), 3);
}

TEST_F(TheModelsFile, IsNotMadeWhileTheLogIsToBeMigrated) {
  {
    const auto earlier = storage::OpenDatabase(database_.url(), 2, storage::Ownership::kExclusive);
    storage::Migrate(*earlier, InOneFile(), kNow);
  }
  fs::remove(storage::ModelsFileOf(File(database_)));
  const auto database = storage::OpenDatabase(database_.url(), 2, storage::Ownership::kExclusive);
  EXPECT_EQ(storage::RequireMigrated(*database, kNow), storage::AllMigrations()[InOneFile().size()].name);
  storage::Database::Lease session = database->Acquire(storage::Purpose::kRead);
  EXPECT_TRUE(session->Query("SELECT 1 FROM main.sqlite_master").empty());
}

// What the version before left in the one file.
TEST_F(TheModelsFile, TakesOverWhatLayWithTheLogAndOnce) {
  {
    const auto earlier = storage::OpenDatabase(database_.url(), 2, storage::Ownership::kExclusive);
    storage::Migrate(*earlier, InOneFile(), kNow);
    storage::EventLog log(*earlier);
    for (const char* id : {"evt_1", "evt_2", "evt_3"}) AppendOne(log, StripeAppend(id));
    storage::Database::Lease session = earlier->Acquire(storage::Purpose::kAppend);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    session->ExecuteScript(
        "INSERT INTO projections (name, version, live_generation, next_generation) VALUES ('statistics', 1, "
        "4, "
        "5); INSERT INTO checkpoints VALUES ('statistics', 4, 2), ('publish there', 1, 2); UPDATE "
        "checkpoints "
        "SET position = 1 WHERE projection = 'saga_runtime'; INSERT INTO event_counts VALUES (4, 'k', "
        "'default', 'customer.updated', 'customer', 2)");
    transaction.Commit();
  }
  fs::remove(storage::ModelsFileOf(File(database_)));
  fs::copy_file(File(database_), File(database_) + ".before");
  const auto expect_taken_over = [&] {
    const auto database = Open(database_.url());
    storage::ReadModels read_models(*database);
    EXPECT_EQ(read_models.PositionOf("statistics"), 2);
    storage::Database::Lease session = database->Acquire(storage::Purpose::kRead);
    const storage::Rows counts = session->Query("SELECT events FROM event_counts WHERE generation = 4");
    ASSERT_EQ(counts.size(), 1U);
    EXPECT_EQ(counts.Int(0, 0), 2);
    const storage::Rows followers = session->Query("SELECT name, position FROM followers ORDER BY name");
    ASSERT_EQ(followers.size(), 2U);
    EXPECT_EQ(followers.Text(0, 0), "publish there");
    EXPECT_EQ(followers.Int(0, 1), 2);
    EXPECT_EQ(followers.Int(1, 1), 1);
    EXPECT_TRUE(session->Query("SELECT 1 FROM checkpoints WHERE projection <> 'statistics'").empty());
    EXPECT_TRUE(session->Query("SELECT 1 FROM log.sqlite_master WHERE name = 'event_counts'").empty());
  };
  expect_taken_over();
  // It was stopped between the two files: the read models are there, and the log is as it was.
  fs::copy_file(File(database_) + ".before", File(database_), fs::copy_options::overwrite_existing);
  expect_taken_over();
}

// Whose commits are flushed leave it to others to move what has gathered in the log's write-ahead log.
TEST_F(TheModelsFile, IsWrittenByWhoMovesWhatGathersBesideTheLog) {
  const auto database = Open(database_.url());
  const auto write = [&](int mebibytes) {
    for (int i = 0; i < mebibytes; ++i) {
      storage::Database::Lease session = database->Acquire(storage::Purpose::kNote);
      storage::Transaction transaction(*session);
      session->BeginWrite();
      session->Execute("INSERT INTO followers (name, position) VALUES ($1, 0)",
                       {std::to_string(++written_) + std::string(1 << 20, 'x')});
      transaction.Commit();
    }
    storage::Database::Lease session = database->Acquire(storage::Purpose::kProject);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    transaction.Commit();
  };
  const auto mebibytes = [](const std::string& file) { return fs::file_size(file) >> 20; };
  {
    storage::Database::Lease session = database->Acquire(storage::Purpose::kRead);
    storage::Transaction transaction(*session);
    session->BeginRead();
    session->Query("SELECT 1 FROM followers");
    write(20);
    EXPECT_LT(mebibytes(File(database_)), 2U) << "somebody still reads what was before";
  }
  write(5);
  EXPECT_GT(mebibytes(File(database_)), 25U) << "it is tried again soon";
  const auto gathered = mebibytes(File(database_) + "-wal");
  write(10);
  EXPECT_EQ(mebibytes(File(database_) + "-wal"), gathered) << "it is written over from its beginning";
}

}  // namespace
}  // namespace billhook::test
