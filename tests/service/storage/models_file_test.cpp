// Read models in a SQLite file of their own: they are of the log beside them, whatever is put in its place,
// and who writes them holds up nobody who appends.
#include "service/storage/sqlite/models_file.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "projections/event_counts.h"
#include "service/storage/event_log.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"
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

}  // namespace
}  // namespace billhook::test
