#include "service/storage/sqlite/sqlite_connection.h"

#include <algorithm>

#include "domain/check.h"
#include "domain/event_store.h"
#include "service/storage/sql_text.h"
#include "service/storage/sqlite/content_digest.h"
#include "service/storage/sqlite/gathering_vfs.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kMaxPreparedStatements = 256;
constexpr int kBusyTimeoutMs = 5'000;

// Which of SQLite's errors pass: somebody holds a lock, the disk is full or away, memory is short.
bool MayPass(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
      return true;
    default:
      return false;
  }
}

// Which are about a value: it is too long, breaks a constraint, or is of another type.
bool IsAboutData(int code) {
  const int kind = code & 0xff;
  return kind == SQLITE_TOOBIG || kind == SQLITE_CONSTRAINT || kind == SQLITE_MISMATCH;
}

// A path with characters that mean something in a URI still names one file.
std::string UriOf(const std::string& path) {
  if (path == ":memory:") return path;
  std::string uri = "file:";
  for (char c : path) {
    switch (c) {
      case '%':
        uri += "%25";
        break;
      case '?':
        uri += "%3f";
        break;
      case '#':
        uri += "%23";
        break;
      default:
        uri += c;
    }
  }
  return uri;
}

std::string WithLists(const std::string& sql) {
  const std::string pairs = ReplaceMarker(
      sql, "PAIRS",
      "(SELECT json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b FROM json_each(",
      ")) AS pair");
  return ReplaceMarker(pairs, "TRIPLES",
                       "(SELECT json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b, "
                       "json_extract(value, '$[2]') AS c FROM json_each(",
                       ")) AS triple");
}

// Resets the statement, whatever happens, so that it holds no lock and no pointer into the caller's texts.
class Running {
 public:
  explicit Running(sqlite3_stmt* statement) : statement_(statement) {}
  ~Running() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  sqlite3_stmt* statement_;
};

std::string InsertSql(std::string_view table, const std::vector<Column>& columns) {
  std::string sql = "INSERT INTO " + std::string(table) + " (" + ColumnList(columns) + ") VALUES (";
  for (std::size_t i = 1; i <= columns.size(); ++i) sql += (i > 1 ? ", ?" : "?") + std::to_string(i);
  return sql + ')';
}

Cell CellAt(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return std::monostate();
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    default: {
      const auto* text = static_cast<const char*>(sqlite3_column_blob(statement, column));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return size == 0 ? std::string() : std::string(text, size);
    }
  }
}

}  // namespace

SqliteConnection::SqliteConnection(const std::string& path, int cache_kib) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  if (sqlite3_open_v2(UriOf(path).c_str(), &handle_, flags, GatheringVfs()) != SQLITE_OK) {
    const std::string what = "cannot open " + path + ": " + sqlite3_errmsg(handle_);
    sqlite3_close_v2(handle_);
    throw StorageError(what, true);
  }
  sqlite3_busy_timeout(handle_, kBusyTimeoutMs);
  try {
    if (AddContentDigest(handle_) != SQLITE_OK) Throw("function");
    ExecuteScript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-" +
        std::to_string(cache_kib) +
        "; PRAGMA journal_size_limit=67108864; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; "
        "PRAGMA secure_delete=FAST;");
  } catch (const StorageError& error) {
    sqlite3_close_v2(handle_);
    throw StorageError("cannot use " + path + ": " + error.what(), error.retryable());
  }
  sqlite3_wal_hook(handle_, &NotePages, this);  // in place of SQLite's own checkpoints
}

void SqliteConnection::Attach(const std::string& path, const std::string& schema, int cache_kib,
                              bool writes) {
  Execute("ATTACH $1 AS " + schema, {UriOf(path) + (writes ? "" : "?mode=ro")});
  ExecuteScript("PRAGMA " + schema + ".cache_size=-" + std::to_string(cache_kib));
}

SqliteConnection::~SqliteConnection() {
  ForgetStatements();
  sqlite3_close_v2(handle_);
}

void SqliteConnection::Commit() {
  const GatheredCommit gathered;
  Execute("COMMIT", {});
}

bool SqliteConnection::InTransaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

void SqliteConnection::FlushCommits(bool flush) {
  if (flushes_ == flush) return;
  ExecuteScript(flush ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  flushes_ = flush;
}

int SqliteConnection::Checkpoint(const char* schema) {
  int moved = 0;
  sqlite3_wal_checkpoint_v2(handle_, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, &moved);
  return std::max(moved, 0);  // -1 where it could not begin
}

int SqliteConnection::NotePages(void* connection, sqlite3*, const char* schema, int pages) {
  if (std::string_view(schema) == "main") static_cast<SqliteConnection*>(connection)->log_pages_ = pages;
  return SQLITE_OK;
}

void SqliteConnection::ForgetStatements() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  statements_.clear();
}

void SqliteConnection::Throw(const char* doing) {
  const int code = sqlite3_extended_errcode(handle_);
  throw StorageError(std::string(doing) + ": " + sqlite3_errmsg(handle_), MayPass(code), IsAboutData(code));
}

sqlite3_stmt* SqliteConnection::Prepare(const std::string& sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) return known->second;
  if (statements_.size() == kMaxPreparedStatements) ForgetStatements();
  const std::string text = WithLists(sql);
  sqlite3_stmt* statement = nullptr;
  const int size = static_cast<int>(text.size()) + 1;
  if (sqlite3_prepare_v3(handle_, text.c_str(), size, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    Throw("prepare");
  }
  statements_.emplace(sql, statement);
  return statement;
}

void SqliteConnection::BindAt(sqlite3_stmt* statement, int index, std::int64_t integer) {
  if (sqlite3_bind_int64(statement, index, integer) != SQLITE_OK) Throw("bind");
}

// The text must stay as long as the statement runs.
void SqliteConnection::BindAt(sqlite3_stmt* statement, int index, const std::string& text) {
  if (sqlite3_bind_text(statement, index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC) !=
      SQLITE_OK) {
    Throw("bind");
  }
}

void SqliteConnection::Bind(sqlite3_stmt* statement, std::size_t number, const Parameter& parameter) {
  const std::string name = "$" + std::to_string(number);
  const int index = sqlite3_bind_parameter_index(statement, name.c_str());
  BILLHOOK_CHECK(index > 0);
  if (const auto* integer = std::get_if<std::int64_t>(&parameter)) {
    BindAt(statement, index, *integer);
  } else if (const auto* text = std::get_if<std::string>(&parameter)) {
    BindAt(statement, index, *text);
  } else if (const std::optional<std::string> json = ListAsJson(parameter)) {
    if (sqlite3_bind_text(statement, index, json->data(), static_cast<int>(json->size()), SQLITE_TRANSIENT) !=
        SQLITE_OK) {
      Throw("bind");
    }
  }
}

Rows SqliteConnection::Query(const std::string& sql, const Parameters& parameters) {
  sqlite3_stmt* statement = Prepare(sql);
  const Running running(statement);
  for (std::size_t i = 0; i < parameters.size(); ++i) Bind(statement, i + 1, parameters[i]);
  Rows rows(static_cast<std::size_t>(sqlite3_column_count(statement)));
  TakeRows(statement, rows);
  return rows;
}

std::int64_t SqliteConnection::Execute(const std::string& sql, const Parameters& parameters) {
  Query(sql, parameters);
  return sqlite3_changes64(handle_);
}

void SqliteConnection::ExecuteScript(const std::string& script) {
  if (sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) Throw("script");
}

Rows SqliteConnection::Lookup(const Table& table, std::int64_t generation, std::string_view column,
                              const TextList& values, const std::optional<Flag>& flag) {
  sqlite3_stmt* statement =
      Prepare("SELECT " + ColumnList(table.columns) + " FROM " + std::string(table.name) +
              " WHERE generation = $1 AND " + std::string(column) + " = $2" + AndFlag(flag));
  Rows rows(table.columns.size());
  for (const std::string& value : values) {
    const Running running(statement);
    BindAt(statement, 1, generation);
    BindAt(statement, 2, value);
    TakeRows(statement, rows);
  }
  return rows;
}

void SqliteConnection::TakeRows(sqlite3_stmt* statement, Rows& rows) {
  const int columns = sqlite3_column_count(statement);
  int code = sqlite3_step(statement);
  for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
    for (int column = 0; column < columns; ++column) rows.Add(CellAt(statement, column));
  }
  if (code != SQLITE_DONE) Throw("query");
}

std::set<std::string> SqliteConnection::IndexedColumns(std::string_view table) {
  const Rows rows = Query(
      "SELECT DISTINCT c.name FROM pragma_index_list($1) AS i CROSS JOIN pragma_index_info(i.name) AS c "
      "WHERE c.name IS NOT NULL",
      {std::string(table)});
  std::set<std::string> columns;
  for (std::size_t i = 0; i < rows.size(); ++i) columns.insert(rows.Text(i, 0));
  return columns;
}

const SqliteConnection::UpsertSql& SqliteConnection::UpsertSqlFor(std::string_view table,
                                                                  const std::vector<Column>& columns,
                                                                  std::size_t keys) {
  if (const auto known = upserts_.find(table); known != upserts_.end()) return known->second;
  const std::set<std::string> indexed = IndexedColumns(table);
  std::string key;
  std::string all;
  std::string free;
  std::string same;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string name(columns[i].name);
    const std::string number = "?" + std::to_string(i + 1);
    if (i < keys) {
      key += (key.empty() ? "" : " AND ") + name + " = " + number;
      continue;
    }
    all += (all.empty() ? "" : ", ") + name + " = " + number;
    if (indexed.count(name) == 1) {
      same += " AND " + name + " IS " + number;
    } else {
      free += (free.empty() ? "" : ", ") + name + " = " + number;
    }
  }
  const std::vector<Column> key_columns(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(keys));
  const std::string update = "UPDATE " + std::string(table) + " SET ";
  UpsertSql& sql = upserts_[std::string(table)];
  sql.insert = InsertSql(table, columns) + " ON CONFLICT (" + ColumnList(key_columns) + ") DO NOTHING";
  if (!free.empty()) sql.update_free = update + free + " WHERE " + key + same;
  if (!all.empty()) sql.update_all = update + all + " WHERE " + key;
  return sql;
}

bool SqliteConnection::Put(sqlite3_stmt* statement, const Row& row) {
  const Running running(statement);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int index = static_cast<int>(i) + 1;
    if (const auto* integer = std::get_if<std::int64_t>(&row[i])) {
      BindAt(statement, index, *integer);
    } else if (const auto* text = std::get_if<std::string>(&row[i])) {
      BindAt(statement, index, *text);
    }
  }
  if (sqlite3_step(statement) != SQLITE_DONE) Throw("write");
  return sqlite3_changes(handle_) > 0;
}

void SqliteConnection::Insert(std::string_view table, const std::vector<Column>& columns,
                              const std::vector<Row>& rows) {
  if (rows.empty()) return;
  sqlite3_stmt* const insert = Prepare(InsertSql(table, columns));
  for (const Row& row : rows) Put(insert, row);
}

// Where a row is there already, SQLite would put all of its indexes' entries anew, though they stay as they
// are: nearly each on a page of its own. So what no index holds is written alone where the rest is the same.
void SqliteConnection::Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
                              const std::vector<Row>& rows) {
  if (rows.empty()) return;
  const UpsertSql& sql = UpsertSqlFor(table, columns, keys);
  if (statements_.size() + 3 > kMaxPreparedStatements) ForgetStatements();  // else one would lose another
  sqlite3_stmt* const insert = Prepare(sql.insert);
  for (const Row& row : rows) {
    if (Put(insert, row)) continue;
    if (!sql.update_free.empty() && Put(Prepare(sql.update_free), row)) continue;
    if (!sql.update_all.empty()) Put(Prepare(sql.update_all), row);
  }
}

}  // namespace billhook::storage
