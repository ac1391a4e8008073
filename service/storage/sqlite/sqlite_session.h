// A Session on the SQLite files of one database: it reads on a connection of its own, and writes one of them
// on the connection that all share. A connection must read anew what another has written meanwhile; where
// only one writes, what it knows of the file stays true. One thread at a time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "service/descriptor.h"
#include "service/storage/sql.h"
#include "service/storage/sqlite/sqlite_connection.h"
#include "service/storage/sqlite/write_lock.h"

namespace billhook::storage {

// A file with the connection that writes it, used by whoever holds the lock.
struct SqliteFile {
  std::string path;
  WriteLock lock;  // one writer at a time, without SQLite's sleeping busy handler
  std::unique_ptr<SqliteConnection> writer;
  std::atomic<int> log_pages{0};    // of the write-ahead log, at the last commit
  std::atomic<int> moved_pages{0};  // so many of these were moved to the database file, or are about to be
  // The database file, to flush what is moved there before the lock is taken; none where nobody moves. The
  // kernel tells a fault of the disk once for each opening of a file, and SQLite must hear of it: hence not
  // SQLite's own.
  Descriptor flushed_file;
  Descriptor gathering_file;  // its write-ahead log, once something of it was on its way to the disk
};

// The log with all else that must not be lost, and the read models, which can be made again from it. Who
// writes one of them does not hold up who writes the other, and its cache stays true meanwhile.
struct SqliteFiles {
  SqliteFile log;
  SqliteFile models;  // without a path where the first is all there is, or all that is asked for

  [[nodiscard]] bool two() const { return !models.path.empty(); }
};

class SqliteSession : public Session {
 public:
  SqliteSession(SqliteFiles& files, Purpose purpose);

  Rows Query(const std::string& sql, const Parameters& parameters) override;
  std::int64_t Execute(const std::string& sql, const Parameters& parameters) override;
  void ExecuteScript(const std::string& script) override;
  Rows Lookup(const Table& table, std::int64_t generation, std::string_view column, const TextList& values,
              const std::optional<Flag>& flag) override;
  void Insert(std::string_view table, const std::vector<Column>& columns,
              const std::vector<Row>& rows) override;
  void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
              const std::vector<Row>& rows) override;
  void BeginRead() override;
  void BeginWrite() override;
  void BeginAppend() override { BeginWrite(); }
  void BeginMigrating() override;
  void BeginProjecting() override { BeginRead(); }
  void BeginFollowing() override { BeginWrite(); }
  [[nodiscard]] std::string ContentDigestSql() const override;
  void ContinueWriting() override;
  void Commit() override;
  void Rollback() noexcept override;
  [[nodiscard]] bool usable() const override { return true; }

 private:
  // The one that is used now: the writer's as long as the lock is held.
  SqliteConnection& connection();
  SqliteConnection& reader();
  [[nodiscard]] std::unique_ptr<SqliteConnection> OpenWriter() const;
  // A database in memory is the connection's that opened it: there is one for all.
  [[nodiscard]] bool InMemory() const { return written_.path == ":memory:"; }
  [[nodiscard]] bool WritesModels() const { return &written_ == &files_.models; }
  static void BeginFlushing(SqliteFile& file);
  // Moves what has gathered in a write-ahead log into its file, where that is much. It is for those whose
  // commits are not flushed, so that appends seldom pay for it.
  void MoveGathered();
  // How many pages are moved now.
  int Move(SqliteFile& file, const char* schema);

  SqliteFiles& files_;
  const Purpose purpose_;
  SqliteFile& written_;
  std::unique_lock<WriteLock> write_lock_;
  bool migrating_ = false;
  std::unique_ptr<SqliteConnection> reader_;
};

}  // namespace billhook::storage
