// What a SQLite file is spared and owed while one writes to it.
#include "service/storage/sqlite/sqlite_session.h"

#include <filesystem>

#include <unistd.h>

#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::SqliteSession;
using storage::WriteLock;

class ASqliteFile : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("billhook-sqlite." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return (directory_ / "billhook.db").string(); }

  // A commit of about that many bytes.
  static void Write(SqliteSession& session, std::size_t bytes) {
    storage::Transaction transaction(session);
    session.BeginWrite();
    session.Execute("INSERT INTO t (text) VALUES ($1)", {std::string(bytes, 'x')});
    transaction.Commit();
  }

  WriteLock write_lock_;

 private:
  std::filesystem::path directory_;
};

TEST_F(ASqliteFile, TakesInWhatHasGatheredBesideItAndBeginsThatAnew) {
  SqliteSession appends(path(), true, write_lock_);
  SqliteSession projects(path(), false, write_lock_);
  appends.ExecuteScript("CREATE TABLE t (text TEXT)");
  constexpr std::size_t kCommit = 1 << 20;
  for (int i = 0; i < 40; ++i) Write(appends, kCommit);
  EXPECT_LT(std::filesystem::file_size(path()), kCommit) << "appends leave it to others";
  Write(projects, kCommit);
  EXPECT_GT(std::filesystem::file_size(path()), 40 * kCommit);
  const auto gathered = std::filesystem::file_size(path() + "-wal");
  for (int i = 0; i < 30; ++i) Write(projects, kCommit);
  EXPECT_EQ(std::filesystem::file_size(path() + "-wal"), gathered) << "it is written over from its beginning";
}

}  // namespace
}  // namespace billhook::test
