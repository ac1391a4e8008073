// One connection to SQLite with its prepared statements. One thread at a time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include <sqlite3.h>

#include "service/storage/sql.h"

namespace billhook::storage {

class SqliteConnection {
 public:
  // Keeps at most so much of the file in memory.
  SqliteConnection(const std::string& path, int cache_kib);
  // Takes the tables of another file in, as those of a schema of that name; a name of both files is the first
  // one's. `writes` lets its transactions that write lock that file, too. Before any other use.
  void Attach(const std::string& path, const std::string& schema, int cache_kib, bool writes);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // As Session has them.
  Rows Query(const std::string& sql, const Parameters& parameters);
  std::int64_t Execute(const std::string& sql, const Parameters& parameters);
  void ExecuteScript(const std::string& script);
  Rows Lookup(const Table& table, std::int64_t generation, std::string_view column, const TextList& values,
              const std::optional<Flag>& flag);
  void Insert(std::string_view table, const std::vector<Column>& columns, const std::vector<Row>& rows);
  void Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
              const std::vector<Row>& rows);

  void Commit();
  [[nodiscard]] bool InTransaction() const;
  // Whether commits from now on wait for the disk (synchronous=FULL) or not (NORMAL). Outside transactions.
  void FlushCommits(bool flush);
  // Moves what no reader needs there from the write-ahead log to the schema's file, and flushes that if
  // nothing was committed meanwhile: how many of its pages are there now. What goes wrong is tried again by
  // the next: nothing is lost by it.
  int Checkpoint(const char* schema);
  // How many pages the first file's write-ahead log held at the last commit here.
  [[nodiscard]] int log_pages() const { return log_pages_; }

 private:
  // How a row of a table is put in, and written again where it is there already; empty where it cannot be.
  struct UpsertSql {
    std::string insert;
    std::string update_free;  // what no index holds, where the rest stays
    std::string update_all;
  };

  static int NotePages(void* connection, sqlite3*, const char*, int pages);
  void ForgetStatements();
  sqlite3_stmt* Prepare(const std::string& sql);
  void BindAt(sqlite3_stmt* statement, int index, std::int64_t integer);
  void BindAt(sqlite3_stmt* statement, int index, const std::string& text);
  void Bind(sqlite3_stmt* statement, std::size_t number, const Parameter& parameter);
  void TakeRows(sqlite3_stmt* statement, Rows& rows);
  // A table is always written with the same columns and keys.
  const UpsertSql& UpsertSqlFor(std::string_view table, const std::vector<Column>& columns, std::size_t keys);
  std::set<std::string> IndexedColumns(std::string_view table);
  // Runs the statement with the row's cells as ?1, ?2 ...; whether it changed anything.
  bool Put(sqlite3_stmt* statement, const Row& row);
  [[noreturn]] void Throw(const char* doing);

  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  std::map<std::string, UpsertSql, std::less<>> upserts_;  // by table
  bool flushes_ = false;
  int log_pages_ = 0;
};

}  // namespace billhook::storage
