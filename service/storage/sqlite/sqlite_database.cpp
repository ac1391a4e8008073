#include "service/storage/sqlite/sqlite_database.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>

#include "domain/check.h"
#include "domain/event_store.h"
#include "service/storage/sqlite/models_file.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kMaxWriters = 64;  // that take turns
constexpr const char* kWhatToDo = "give billhook a directory that it may write to";

std::array<std::size_t, kPurposes> PoolLimits(bool in_memory, std::size_t readers) {
  if (in_memory) return {1, 0, 0, 0, 0};
  return {1, kMaxWriters, kMaxWriters, readers, 0};
}

Descriptor LockFile(const std::string& database) {
  const std::string path = database + ".lock";
  Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.is_open()) {
    throw StorageError(
        "cannot write " + path + ": " + std::generic_category().message(errno) + "; " + kWhatToDo, false);
  }
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    throw StorageError(
        database +
            " is in use by another billhook process; stop that one, or give this one another DATABASE_URL "
            "(several processes can share PostgreSQL)",
        false);
  }
  return file;
}

Descriptor OpenToFlush(const std::string& path) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0644));
}

// SQLite's count of the memory that it takes costs a lock of all threads for each piece. Only before its
// first use can that be told.
void CountNoMemory() {
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  BILLHOOK_CHECK(configured == SQLITE_OK);
}

}  // namespace

SqliteDatabase::SqliteDatabase(const std::string& path, std::size_t readers, Ownership ownership)
    : in_memory_(path == ":memory:"),
      pool_(PoolLimits(in_memory_, readers), [this](Purpose purpose) { return Open(purpose); }) {
  CountNoMemory();
  files_.log.path = path;
  if (in_memory_) return;
  if (ownership == Ownership::kShared && !std::filesystem::exists(path)) {
    throw StorageError("there is no database at " + path + "; check DATABASE_URL", false);
  }
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::absolute(path).parent_path();
  std::filesystem::create_directories(directory, error);
  if (error) {
    throw StorageError(
        "cannot make the directory " + directory.string() + ": " + error.message() + "; " + kWhatToDo, false);
  }
  files_.log.path = std::filesystem::weakly_canonical(path).string();
  if (ownership != Ownership::kExclusive) return;
  lock_file_ = LockFile(files_.log.path);
  files_.log.flushed_file = OpenToFlush(files_.log.path);
  RemoveModelsOfAnotherLog(files_.log.path);
  files_.models.path = ModelsFileOf(files_.log.path);
  files_.models.flushed_file = OpenToFlush(files_.models.path);
}

SqliteDatabase::~SqliteDatabase() {
  pool_.Clear();
  // Before the descriptors, for with any opening of a file its process' locks on it end.
  files_.models.writer.reset();
  files_.log.writer.reset();
}

// The read models first: they take over what an earlier billhook kept beside the log.
std::vector<DatabasePart> SqliteDatabase::parts() const {
  if (in_memory_) return {{Purpose::kAppend, "sqlite"}};
  if (!files_.two()) return {{Purpose::kAppend, "sqlite log"}};
  return {{Purpose::kProject, "sqlite models", true}, {Purpose::kAppend, "sqlite log"}};
}

std::unique_ptr<Session> SqliteDatabase::Open(Purpose purpose) {
  return std::make_unique<SqliteSession>(files_, purpose);
}

Database::Lease SqliteDatabase::Acquire(Purpose purpose) {
  // A database in memory lives in one connection, which serves every purpose in turn. Who finds is as any
  // reader.
  const Purpose pooled = in_memory_ ? Purpose::kAppend : purpose == Purpose::kFind ? Purpose::kRead : purpose;
  return Lease(*this, pooled, pool_.Acquire(pooled));
}

void SqliteDatabase::GiveBack(Purpose purpose, std::unique_ptr<Session> session) {
  pool_.GiveBack(purpose, std::move(session));
}

}  // namespace billhook::storage
