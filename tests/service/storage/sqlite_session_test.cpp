// What a SQLite file is spared and owed while one writes to it.
#include "service/storage/sqlite/sqlite_session.h"

#include <filesystem>
#include <thread>
#include <vector>

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
    files_.log.path = path();
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

  storage::SqliteFiles files_;

 private:
  std::filesystem::path directory_;
};

TEST_F(ASqliteFile, TakesInWhatHasGatheredBesideItAndBeginsThatAnew) {
  SqliteSession appends(files_, storage::Purpose::kAppend);
  SqliteSession projects(files_, storage::Purpose::kProject);
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

// Rows of half a kilobyte in an order that neither the key nor the index has: each is on a page of its own,
// and so is its entry in the index.
TEST_F(ASqliteFile, WritesNothingButTheRowWhereItsIndexesStay) {
  const std::vector<Column> columns = {{"row_key"}, {"status"}, {"body"}};
  const auto row = [](int i, const std::string& status, char body) {
    const std::string key = std::to_string(i * 7'919 % 10'007);
    return Row{key, key + status + std::string(200, 'x'), std::string(300, body)};
  };
  storage::SqliteConnection connection(path(), 1'024);
  connection.ExecuteScript(
      "CREATE TABLE t (row_key TEXT PRIMARY KEY, status TEXT, body TEXT); CREATE INDEX t_status ON t "
      "(status)");
  std::vector<Row> rows;
  for (int i = 0; i < 2'000; ++i) rows.push_back(row(i, "active", 'a'));
  connection.ExecuteScript("BEGIN");
  connection.Upsert("t", columns, 1, rows);
  connection.ExecuteScript("COMMIT");
  const auto pages_of = [&](const std::string& status, char body) {
    const int before = connection.log_pages();
    connection.ExecuteScript("BEGIN");
    for (int i = 0; i < 2'000; i += 50) connection.Upsert("t", columns, 1, {row(i, status, body)});
    connection.ExecuteScript("COMMIT");
    return connection.log_pages() - before;
  };
  EXPECT_LE(pages_of("active", 'b'), 40);
  EXPECT_GT(pages_of("canceled", 'c'), 60);
  const storage::Rows found = connection.Query(
      "SELECT count(*), min(body), max(body) FROM t WHERE status LIKE '%canceled%' AND body LIKE 'c%'", {});
  EXPECT_EQ(found.Int(0, 0), 40);
}

TEST(AWriteLock, GoesInTurnToWhoTakeItAgainAndAgain) {
  WriteLock write_lock;
  std::vector<int> holders;  // under the lock
  const auto take = [&](int who) {
    for (int i = 0; i < 40; ++i) {
      ASSERT_TRUE(write_lock.try_lock_for(std::chrono::seconds(20)));
      holders.push_back(who);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // time for the other to ask for it
      write_lock.unlock();
    }
  };
  std::thread other([&] { take(1); });
  take(2);
  other.join();
  int handed_over = 0;
  for (std::size_t i = 1; i < holders.size(); ++i) handed_over += holders[i] == holders[i - 1] ? 0 : 1;
  EXPECT_GT(handed_over, 40) << "who gives it back does not take it first";
}

}  // namespace
}  // namespace billhook::test
