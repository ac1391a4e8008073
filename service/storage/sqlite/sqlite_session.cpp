#include "service/storage/sqlite/sqlite_session.h"

#include <unistd.h>

#include "domain/event_store.h"

namespace billhook::storage {
namespace {

// A page that changes again and again goes to the database file once for so many pages of the write-ahead
// log.
constexpr int kCheckpointPages = 8'000;
constexpr int kCheckpointPagesOfAppends = 4 * kCheckpointPages;  // where nobody projects
constexpr int kCheckpointsBesideWriters = 2;  // all there is, then what was written meanwhile
constexpr std::chrono::milliseconds kWriteLockTimeout{5'000};
// What a commit moves to the write-ahead log at a time: each commit costs, and so does to wait for a long
// one.
constexpr std::size_t kRowsOfAPart = 500;
// The one that writes knows that what it has read stays true; a reader forgets all of it at each new commit.
constexpr int kWriterCacheKib = 6'144;
constexpr int kReaderCacheKib = 2'048;

}  // namespace

SqliteSession::SqliteSession(std::string path, bool flush_commits, SqliteWriter& writer)
    : path_(std::move(path)),
      flush_commits_(flush_commits),
      writer_(writer),
      write_lock_(writer.lock, std::defer_lock) {}

SqliteConnection& SqliteSession::connection() {
  // A database in memory is the connection's that opened it.
  const bool writes = write_lock_.owns_lock() || path_ == ":memory:";
  std::unique_ptr<SqliteConnection>& connection = writes ? writer_.connection : reader_;
  if (connection == nullptr)
    connection = std::make_unique<SqliteConnection>(path_, writes ? kWriterCacheKib : kReaderCacheKib);
  return *connection;
}

Rows SqliteSession::Query(const std::string& sql, const Parameters& parameters) {
  return connection().Query(sql, parameters);
}

std::int64_t SqliteSession::Execute(const std::string& sql, const Parameters& parameters) {
  return connection().Execute(sql, parameters);
}

void SqliteSession::ExecuteScript(const std::string& script) {
  connection().ExecuteScript(script);
}

Rows SqliteSession::Lookup(const Table& table, std::int64_t generation, std::string_view column,
                           const TextList& values) {
  return connection().Lookup(table, generation, column, values);
}

void SqliteSession::Insert(std::string_view table, const std::vector<Column>& columns,
                           const std::vector<Row>& rows) {
  Upsert(table, columns, 0, rows);
}

void SqliteSession::Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
                           const std::vector<Row>& rows) {
  connection().Upsert(table, columns, keys, rows);
  written_rows_ += rows.size();
}

void SqliteSession::BeginRead() {
  Execute("BEGIN", {});
}

void SqliteSession::BeginWrite() {
  if (!write_lock_.try_lock_for(kWriteLockTimeout)) {
    throw StorageError("another part of billhook has held the write lock for too long", true);
  }
  written_rows_ = 0;
  try {
    connection().FlushCommits(flush_commits_);
    Execute("BEGIN IMMEDIATE", {});
  } catch (const StorageError&) {
    write_lock_.unlock();
    throw;
  }
}

void SqliteSession::ContinueWriting() {
  Commit();
  BeginWrite();
}

void SqliteSession::CompletePart() {
  if (written_rows_ >= kRowsOfAPart || writer_.lock.wanted()) ContinueWriting();
}

void SqliteSession::Commit() {
  if (connection().InTransaction()) Execute("COMMIT", {});
  if (!write_lock_.owns_lock()) return;
  const bool checkpoint = TakeCheckpoint();
  write_lock_.unlock();
  if (checkpoint) Checkpoint();
}

bool SqliteSession::TakeCheckpoint() {
  const int pages = writer_.connection->log_pages();
  if (pages < writer_.moved_pages) writer_.moved_pages = 0;  // the write-ahead log has begun anew
  if (pages - writer_.moved_pages < (flush_commits_ ? kCheckpointPagesOfAppends : kCheckpointPages))
    return false;
  writer_.moved_pages = pages;
  return true;
}

// What is committed stays so, whatever goes wrong here.
void SqliteSession::Checkpoint() {
  try {
    for (int i = 0; i < kCheckpointsBesideWriters; ++i) {
      connection().Checkpoint();
      if (writer_.flushed_file >= 0) fdatasync(writer_.flushed_file);
    }
  } catch (const StorageError&) {  // it cannot be opened now
    return;
  }
  if (!write_lock_.try_lock_for(kWriteLockTimeout)) return;
  // The little that is left, while nobody writes: the next writer begins the write-ahead log anew.
  connection().Checkpoint();
  write_lock_.unlock();
}

void SqliteSession::Rollback() noexcept {
  try {
    if (connection().InTransaction()) ExecuteScript("ROLLBACK");
  } catch (const std::exception&) {  // SQLite has rolled back by itself, or there was nothing to
  }
  if (write_lock_.owns_lock()) write_lock_.unlock();
}

}  // namespace billhook::storage
