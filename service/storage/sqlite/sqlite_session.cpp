#include "service/storage/sqlite/sqlite_session.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include "domain/event_store.h"
#include "service/storage/sqlite/content_digest.h"
#include "service/storage/sqlite/models_file.h"

namespace billhook::storage {
namespace {

// A page that changes again and again goes to the database file once for so many pages of the write-ahead
// log.
constexpr int kCheckpointPages = 8'000;
constexpr int kCheckpointPagesOfAppends = 4 * kCheckpointPages;  // where nobody projects
constexpr int kCheckpointsBesideWriters = 2;  // all there is, then what was written meanwhile
constexpr std::chrono::milliseconds kWriteLockTimeout{5'000};
// The one that writes knows that what it has read stays true; a reader forgets all of it at each new commit.
constexpr int kLogWriterCacheKib = 2'048;
constexpr int kModelsWriterCacheKib = 6'144;
constexpr int kReaderCacheKib = 1'024;  // of each file

}  // namespace

SqliteSession::SqliteSession(SqliteFiles& files, Purpose purpose)
    : files_(files),
      purpose_(purpose),
      written_(purpose == Purpose::kProject && files.two() ? files.models : files.log),
      write_lock_(written_.lock, std::defer_lock) {}

SqliteConnection& SqliteSession::connection() {
  if (!write_lock_.owns_lock() && !InMemory()) return reader();
  if (written_.writer == nullptr) written_.writer = OpenWriter();
  return *written_.writer;
}

std::unique_ptr<SqliteConnection> SqliteSession::OpenWriter() const {
  if (!WritesModels()) return std::make_unique<SqliteConnection>(written_.path, kLogWriterCacheKib);
  auto writer = std::make_unique<SqliteConnection>(written_.path, kModelsWriterCacheKib);
  writer->Attach(files_.log.path, kLogSchema, kReaderCacheKib, false);
  return writer;
}

SqliteConnection& SqliteSession::reader() {
  if (reader_ != nullptr) return *reader_;
  auto reader = std::make_unique<SqliteConnection>(files_.two() ? files_.models.path : files_.log.path,
                                                   kReaderCacheKib);
  if (files_.two()) reader->Attach(files_.log.path, kLogSchema, kReaderCacheKib, true);
  reader_ = std::move(reader);
  return *reader_;
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
                           const TextList& values, const std::optional<Flag>& flag) {
  return connection().Lookup(table, generation, column, values, flag);
}

void SqliteSession::Insert(std::string_view table, const std::vector<Column>& columns,
                           const std::vector<Row>& rows) {
  connection().Insert(table, columns, rows);
}

void SqliteSession::Upsert(std::string_view table, const std::vector<Column>& columns, std::size_t keys,
                           const std::vector<Row>& rows) {
  connection().Upsert(table, columns, keys, rows);
}

// The read models are seen as of a moment no later than the log is: what they hold is always found there.
void SqliteSession::BeginRead() {
  Execute("BEGIN", {});
  if (files_.two()) Query("SELECT 1 FROM checkpoints LIMIT 1", {});
}

std::string SqliteSession::ContentDigestSql() const {
  return ContentDigestCall();
}

void SqliteSession::BeginWrite() {
  migrating_ = false;
  if (!write_lock_.try_lock_for(kWriteLockTimeout)) {
    throw StorageError("another part of billhook has held the write lock for too long", true);
  }
  try {
    connection().FlushCommits(purpose_ == Purpose::kAppend);
    Execute("BEGIN IMMEDIATE", {});
  } catch (const StorageError&) {
    write_lock_.unlock();
    throw;
  }
}

void SqliteSession::BeginMigrating() {
  BeginWrite();
  migrating_ = true;
}

void SqliteSession::ContinueWriting() {
  if (write_lock_.owns_lock()) return;
  Commit();
  BeginWrite();
}

void SqliteSession::Commit() {
  if (write_lock_.owns_lock() && WritesModels())
    migrating_ ? TakeOverModels(connection()) : SealModels(connection());
  if (connection().InTransaction()) connection().Commit();
  if (!write_lock_.owns_lock()) return;
  written_.log_pages = written_.writer->log_pages();
  if (WritesModels()) BeginFlushing(written_);
  write_lock_.unlock();
  MoveGathered();
}

// Read models' commits are not flushed; but where file systems order what they write, the next flush of the
// log would have to write them first, all that came since the last. So they are on their way before it.
void SqliteSession::BeginFlushing(SqliteFile& file) {
  if (!file.gathering_file.is_open())
    file.gathering_file = Descriptor(open((file.path + "-wal").c_str(), O_RDONLY | O_CLOEXEC));
  if (file.gathering_file.is_open()) sync_file_range(file.gathering_file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

void SqliteSession::MoveGathered() {
  const int enough = purpose_ == Purpose::kProject ? kCheckpointPages : kCheckpointPagesOfAppends;
  for (SqliteFile* file : {&files_.log, &files_.models}) {
    const int pages = file->log_pages;
    int moved = file->moved_pages;
    if (pages < moved) file->moved_pages = moved = 0;  // the write-ahead log has begun anew
    if (pages - moved < enough) continue;
    if (!file->moved_pages.compare_exchange_strong(moved, pages)) continue;  // another is at it
    moved = Move(*file, file == &files_.log && files_.two() ? kLogSchema : "main");
    // What a reader still needs stays for another time, which is not the very next commit.
    file->moved_pages = std::max(moved, pages - enough + enough / 8);
  }
}

// What is committed stays so, whatever goes wrong here.
int SqliteSession::Move(SqliteFile& file, const char* schema) {
  int moved = 0;
  try {
    for (int i = 0; i < kCheckpointsBesideWriters; ++i) {
      moved = reader().Checkpoint(schema);
      if (file.flushed_file.is_open()) fdatasync(file.flushed_file.get());
    }
  } catch (const StorageError&) {  // it cannot be opened now
    return moved;
  }
  std::unique_lock lock(file.lock, std::defer_lock);
  if (!lock.try_lock_for(kWriteLockTimeout)) return moved;
  // The little that is left, while nobody writes: the next writer begins the write-ahead log anew.
  return reader().Checkpoint(schema);
}

void SqliteSession::Rollback() noexcept {
  const bool began = write_lock_.owns_lock() || reader_ != nullptr || InMemory();
  if (!began) return;
  try {
    if (connection().InTransaction()) ExecuteScript("ROLLBACK");
  } catch (const std::exception&) {  // SQLite has rolled back by itself, or there was nothing to
  }
  if (write_lock_.owns_lock()) write_lock_.unlock();
}

}  // namespace billhook::storage
