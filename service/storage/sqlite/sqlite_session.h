// A Session on a SQLite file: it reads on a connection of its own, and writes on the one that all share. A
// connection must read anew what another has written meanwhile; where only one writes, what it knows of the
// file stays true. One thread at a time.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "service/storage/sql.h"
#include "service/storage/sqlite/sqlite_connection.h"
#include "service/storage/sqlite/write_lock.h"

namespace billhook::storage {

// The connection that writes, used by whoever holds the lock.
struct SqliteWriter {
  WriteLock lock;  // one writer at a time, without SQLite's sleeping busy handler
  std::unique_ptr<SqliteConnection> connection;
  int moved_pages = 0;  // of the write-ahead log, when it was last moved to the database file
  // The database file, to flush what is moved there before the lock is taken; -1 where nobody moves. The
  // kernel tells a fault of the disk once for each opening of a file, and SQLite must hear of it: hence not
  // SQLite's own.
  int flushed_file = -1;
};

class SqliteSession : public Session {
 public:
  // `flush_commits` chooses synchronous=FULL over NORMAL. Whose commits are not flushed moves what has
  // gathered in the write-ahead log into the database file, so that appends seldom pay for that.
  SqliteSession(std::string path, bool flush_commits, SqliteWriter& writer);

  Rows Query(const std::string& sql, const Parameters& parameters) override;
  std::int64_t Execute(const std::string& sql, const Parameters& parameters) override;
  void ExecuteScript(const std::string& script) override;
  Rows Lookup(const Table& table, std::int64_t generation, std::string_view column,
              const TextList& values) override;
  void Insert(std::string_view table, const std::vector<Column>& columns,
              const std::vector<Row>& rows) override;
  void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
              const std::vector<Row>& rows) override;
  void BeginRead() override;
  void BeginWrite() override;
  void BeginAppend() override { BeginWrite(); }
  void BeginMigrating() override { BeginWrite(); }
  void BeginProjecting() override { BeginRead(); }
  void ContinueWriting() override;
  void CompletePart() override;
  void Commit() override;
  void Rollback() noexcept override;
  [[nodiscard]] bool usable() const override { return true; }

 private:
  // The one that is used now: the writer's as long as the lock is held.
  SqliteConnection& connection();
  // Whether the write-ahead log has gathered so much that it should be moved; it then counts as moved.
  bool TakeCheckpoint();
  void Checkpoint();

  const std::string path_;
  const bool flush_commits_;
  SqliteWriter& writer_;
  std::unique_lock<WriteLock> write_lock_;
  std::size_t written_rows_ = 0;  // since the lock is held
  std::unique_ptr<SqliteConnection> reader_;
};

}  // namespace billhook::storage
