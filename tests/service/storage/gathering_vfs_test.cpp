// What is gathered of a transaction before it is written: few calls of the kernel, and nothing else changed.
#include "service/storage/sqlite/gathering_vfs.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "domain/event_store.h"
#include "service/storage/sqlite/sqlite_connection.h"

namespace billhook::test {
namespace {

using storage::SqliteConnection;

constexpr int kLargeCacheKib = 8'192;
constexpr int kSmallCacheKib = 40;  // ten pages: a transaction of more is written while it goes on

// Files of this process may not grow while one of these lives.
class NoMoreGrowth {
 public:
  explicit NoMoreGrowth(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &limit_);
    const rlimit none{bytes, limit_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~NoMoreGrowth() {
    setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, signal_);
  }
  NoMoreGrowth(const NoMoreGrowth&) = delete;
  NoMoreGrowth& operator=(const NoMoreGrowth&) = delete;

 private:
  rlimit limit_{};
  void (*signal_)(int);
};

// How often this process has asked the kernel to write.
std::int64_t Writes() {
  std::ifstream file("/proc/self/io");
  std::string word;
  std::int64_t count = 0;
  while (file >> word >> count && word != "syscw:") {
  }
  return count;
}

class AGatheredTransaction : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("billhook-gathered." + std::to_string(getpid()));
    std::filesystem::create_directories(directory_);
    SqliteConnection connection(path(), kLargeCacheKib);
    connection.ExecuteScript("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string path() const { return (directory_ / "billhook.db").string(); }

  // Rows of a page each, with the letter for a text.
  static void Fill(SqliteConnection& connection, int rows, char letter) {
    for (int i = 0; i < rows; ++i) {
      connection.Execute("INSERT INTO t VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET text = excluded.text",
                         {static_cast<std::int64_t>(i), std::string(3'000, letter)});
    }
  }
  static std::int64_t RowsOf(SqliteConnection& connection, char letter) {
    return connection.Query("SELECT count(*) FROM t WHERE text LIKE $1", {std::string(1, letter) + "%"})
        .Int(0, 0);
  }
  static std::string Integrity(SqliteConnection& connection) {
    return connection.Query("PRAGMA integrity_check", {}).Text(0, 0);
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(AGatheredTransaction, IsWrittenByFewCalls) {
  SqliteConnection connection(path(), kLargeCacheKib);
  connection.ExecuteScript("BEGIN");
  Fill(connection, 200, 'a');
  const std::int64_t before = Writes();
  connection.Commit();
  const std::int64_t writes = Writes() - before;
  EXPECT_GE(writes, 200 * 4'096 / 0x1ffff) << "SQLite's VFS writes no more at once";
  EXPECT_LE(writes, 12) << "two for each of 200 pages without it";
}

TEST_F(AGatheredTransaction, IsThereForOthersOnceItHasEndedWhetherFlushedOrNot) {
  SqliteConnection other(path(), kLargeCacheKib);
  for (const bool flush : {false, true}) {
    SqliteConnection connection(path(), kLargeCacheKib);
    connection.FlushCommits(flush);
    const char letter = flush ? 'b' : 'a';
    connection.ExecuteScript("BEGIN");
    Fill(connection, 100, letter);
    EXPECT_EQ(RowsOf(other, letter), 0);
    connection.Commit();
    EXPECT_EQ(RowsOf(other, letter), 100);
    EXPECT_EQ(Integrity(other), "ok");
  }
}

// Pages that the cache cannot hold are written before the end, read again, and written again where they are.
TEST_F(AGatheredTransaction, MayBeLargerThanTheCache) {
  SqliteConnection other(path(), kLargeCacheKib);
  SqliteConnection connection(path(), kSmallCacheKib);
  connection.ExecuteScript("BEGIN");
  for (const char letter : {'a', 'b', 'c'}) {
    Fill(connection, 300, letter);
    EXPECT_EQ(RowsOf(connection, letter), 300);
    EXPECT_EQ(RowsOf(other, letter), 0);
  }
  connection.Commit();
  EXPECT_EQ(RowsOf(other, 'c'), 300);
  EXPECT_EQ(Integrity(other), "ok");
  // As one who knows nothing but the files reads them: up to the first page whose checksum does not fit.
  const std::string copy = path() + ".copy";
  std::filesystem::copy_file(path(), copy);
  std::filesystem::copy_file(path() + "-wal", copy + "-wal");
  SqliteConnection recovered(copy, kLargeCacheKib);
  EXPECT_EQ(RowsOf(recovered, 'c'), 300);
  EXPECT_EQ(Integrity(recovered), "ok");
  EXPECT_EQ(connection.Checkpoint("main"), connection.log_pages());
  EXPECT_EQ(Integrity(other), "ok") << "as the file has it";
}

TEST_F(AGatheredTransaction, LeavesNothingBehindOnceRolledBackThatWouldCoverWhatOthersWrite) {
  SqliteConnection other(path(), kLargeCacheKib);
  {
    SqliteConnection connection(path(), kSmallCacheKib);
    connection.ExecuteScript("BEGIN");
    Fill(connection, 300, 'a');
    connection.ExecuteScript("ROLLBACK");
    other.ExecuteScript("BEGIN");
    Fill(other, 600, 'b');  // beyond what was rolled back
    other.Commit();
    EXPECT_EQ(RowsOf(connection, 'b'), 600);
    connection.ExecuteScript("BEGIN");
    Fill(connection, 3, 'c');
    connection.Commit();
  }
  SqliteConnection reader(path(), kLargeCacheKib);
  EXPECT_EQ(RowsOf(reader, 'a'), 0);
  EXPECT_EQ(RowsOf(reader, 'b'), 597);
  EXPECT_EQ(RowsOf(reader, 'c'), 3);
  EXPECT_EQ(Integrity(reader), "ok");
}

TEST_F(AGatheredTransaction, FailsWhereItCannotBeWritten) {
  SqliteConnection connection(path(), kLargeCacheKib);
  Fill(connection, 5, 'a');
  const auto full = std::filesystem::file_size(path() + "-wal") + 50'000;
  connection.ExecuteScript("BEGIN");
  Fill(connection, 100, 'b');
  {
    const NoMoreGrowth no_more(full);
    EXPECT_THROW(connection.Commit(), StorageError);
  }
  if (connection.InTransaction()) connection.ExecuteScript("ROLLBACK");
  SqliteConnection other(path(), kLargeCacheKib);
  EXPECT_EQ(RowsOf(other, 'b'), 0);
  EXPECT_EQ(RowsOf(other, 'a'), 5);
  Fill(connection, 100, 'c');
  EXPECT_EQ(RowsOf(other, 'c'), 100);
  EXPECT_EQ(Integrity(other), "ok");
}

}  // namespace
}  // namespace billhook::test
