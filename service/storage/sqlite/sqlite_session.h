// One SQLite connection as a Session, with its prepared statements. One thread at a time.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include <sqlite3.h>

#include "service/storage/sql.h"
#include "service/storage/sqlite/write_lock.h"

namespace billhook::storage {

class SqliteSession : public Session {
 public:
  // Opens `path`; `flush_commits` chooses synchronous=FULL over NORMAL. Whose commits are not flushed moves
  // what has gathered in the write-ahead log into the database file, so that appends seldom pay for that.
  // `write_lock` is shared by all connections to the file and is held from BeginWrite to the end of the
  // transaction.
  SqliteSession(const std::string& path, bool flush_commits, WriteLock& write_lock);
  ~SqliteSession() override;

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
  void CompletePart() override { ContinueWriting(); }
  void Commit() override;
  void Rollback() noexcept override;
  [[nodiscard]] bool usable() const override { return true; }

 private:
  static int NotePages(void* session, sqlite3*, const char*, int pages);
  void Checkpoint();
  void ForgetStatements();
  sqlite3_stmt* Prepare(const std::string& sql);
  void BindAt(sqlite3_stmt* statement, int index, std::int64_t integer);
  void BindAt(sqlite3_stmt* statement, int index, const std::string& text);
  void Bind(sqlite3_stmt* statement, std::size_t number, const Parameter& parameter);
  void TakeRows(sqlite3_stmt* statement, Rows& rows);
  void InsertEach(const std::string& sql, const std::vector<Row>& rows);
  [[noreturn]] void Throw(const char* doing);

  sqlite3* connection_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::unique_lock<WriteLock> write_lock_;
  const int checkpoint_pages_;  // that the write-ahead log may gather
  int pages_ = 0;               // that it has, since the last commit here
  int checkpointed_ = 0;        // that it had when they were last moved here
};

}  // namespace billhook::storage
