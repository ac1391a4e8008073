#include "service/storage/sqlite/sqlite_backup.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "domain/event_store.h"
#include "service/storage/sqlite/models_file.h"

namespace billhook::storage {
namespace {

constexpr int kPagesAStep = 2'000;
constexpr int kBusyTimeoutMs = 5'000;

struct Close {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

[[noreturn]] void Throw(const std::string& doing, sqlite3* connection) {
  throw StorageError(doing + ": " + sqlite3_errmsg(connection), false);
}

Connection Open(const std::string& path, int flags) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(opened);
  if (code != SQLITE_OK) Throw("cannot open " + path, opened);
  sqlite3_busy_timeout(opened, kBusyTimeoutMs);
  return connection;
}

void Run(const Connection& connection, const char* sql) {
  if (sqlite3_exec(connection.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    Throw("cannot read the database", connection.get());
}

void CopyPages(const Connection& from, const Connection& to,
               const std::function<void(std::int64_t, std::int64_t)>& progress) {
  // One state of the database throughout: without it each commit of the others would start the copy anew.
  Run(from, "BEGIN; SELECT 1 FROM sqlite_master");
  sqlite3_backup* backup = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (backup == nullptr) Throw("cannot write the backup", to.get());
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    code = sqlite3_backup_step(backup, kPagesAStep);
    const int total = sqlite3_backup_pagecount(backup);
    if (total > 0) progress(total - sqlite3_backup_remaining(backup), total);
  }
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) throw StorageError(std::string("the copy failed: ") + sqlite3_errstr(code), true);
  Run(from, "COMMIT");
}

[[noreturn]] void ThrowErrno(const std::string& path) {
  throw StorageError("cannot write " + path + ": " + std::generic_category().message(errno), false);
}

void Flush(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) ThrowErrno(path);
  const bool flushed = fsync(file) == 0;
  close(file);
  if (!flushed) ThrowErrno(path);
}

std::string PartialOf(const std::string& target) {
  return target + ".partial";
}

// To its partial name.
void CopyFile(const std::string& path, const std::string& target,
              const std::function<void(std::int64_t, std::int64_t)>& progress) {
  const std::string partial = PartialOf(target);
  std::remove(partial.c_str());  // of a backup that died
  try {
    {
      const Connection from = Open(path, SQLITE_OPEN_READWRITE);
      const Connection to = Open(partial, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      CopyPages(from, to, progress);
    }
    Flush(partial);
  } catch (const StorageError&) {
    std::remove(partial.c_str());
    throw;
  }
}

void Publish(const std::string& target) {
  const std::string partial = PartialOf(target);
  // link, unlike rename, replaces nothing that has come there meanwhile.
  const bool linked = link(partial.c_str(), target.c_str()) == 0;
  const int why = errno;
  std::remove(partial.c_str());
  errno = why;
  if (!linked) ThrowErrno(target);
}

}  // namespace

std::optional<std::string> BackUpSqlite(const std::string& path, const std::string& target,
                                        const std::function<void(std::int64_t, std::int64_t)>& progress) {
  if (!std::filesystem::exists(path))
    throw StorageError("there is no database at " + path + "; check DATABASE_URL", false);
  const std::string models = ModelsFileOf(std::filesystem::weakly_canonical(path).string());
  const std::string models_target = ModelsFileOf(target);
  for (const std::string& file : {target, models_target}) {
    if (std::filesystem::exists(file))
      throw StorageError(file + " exists already; give the backup a name of its own", false);
  }
  // First, so that the copy of the log knows all that they were made from.
  std::optional<std::string> without_models;
  bool with_models = std::filesystem::exists(models);
  try {
    if (with_models) CopyFile(models, models_target, progress);
  } catch (const StorageError& error) {
    with_models = false;
    without_models = error.what();
  }
  try {
    CopyFile(path, target, progress);
    Publish(target);
    if (with_models) Publish(models_target);
  } catch (const StorageError&) {
    std::remove(PartialOf(models_target).c_str());
    throw;
  }
  Flush(std::filesystem::absolute(target).parent_path().string());
  return without_models;
}

}  // namespace billhook::storage
