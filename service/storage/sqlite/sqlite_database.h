// The embedded engine: two SQLite files in WAL mode, the log's and the read models', owned by one process (a
// lock file beside them says so), or a database in memory. Appends flush at each commit (synchronous=FULL);
// what can be rebuilt does not (NORMAL). One connection at a time writes a file, readers never wait. The one
// door to sqlite3. Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "service/descriptor.h"
#include "service/storage/session_pool.h"
#include "service/storage/sql.h"
#include "service/storage/sqlite/sqlite_session.h"

namespace billhook::storage {

// Whether this process wants to be the one that owns the files. kShared is for looking at the log (`verify`).
enum class Ownership { kExclusive, kShared };

class SqliteDatabase : public Database {
 public:
  // `path` is a file (its directory is made if need be) or ":memory:". Throws StorageError that tells a
  // person what to do: another process owns the file, the directory is not writable ...
  SqliteDatabase(const std::string& path, std::size_t readers, Ownership ownership);
  ~SqliteDatabase() override;

  Lease Acquire(Purpose purpose) override;
  [[nodiscard]] SessionUse UseOf(Purpose purpose) override { return pool_.UseOf(purpose); }
  [[nodiscard]] std::vector<DatabasePart> parts() const override;
  [[nodiscard]] std::string_view engine() const override { return "sqlite"; }

 protected:
  void GiveBack(Purpose purpose, std::unique_ptr<Session> session) override;

 private:
  std::unique_ptr<Session> Open(Purpose purpose);

  bool in_memory_;
  Descriptor lock_file_;  // the lock ends with it, or with the process, however that dies
  SqliteFiles files_;
  SessionPool pool_;
};

}  // namespace billhook::storage
