#include "service/storage/sqlite/gathering_vfs.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>

#include <sqlite3.h>

#include "domain/check.h"

namespace billhook::storage {
namespace {

constexpr std::size_t kMaxGathered = 0x1ffff;  // more than that SQLite's default VFS does not write at once
// Of a page in the write-ahead log, before it; its second word is the size of the database where a
// transaction ends with the page, else 0 (https://www.sqlite.org/fileformat2.html#walformat).
constexpr int kFrameHeaderSize = 24;

std::atomic<std::uint64_t> last_commit{0};
// The commit that is under way on this thread, 0 for none.
thread_local std::uint64_t commit = 0;

// A write-ahead log of one connection. During a commit, what goes where the last write ended is kept until
// the transaction's last page comes: nobody looks for a page before. All else is written at once, such as
// pages that the cache could not hold until then. What is left of a commit that failed is dropped.
struct LogFile : sqlite3_file {
  explicit LogFile(sqlite3_file* the_real) : sqlite3_file{}, real(the_real) {}

  int WriteGathered() {
    if (gathered.empty()) return SQLITE_OK;
    const int size = static_cast<int>(gathered.size());
    const int code = real->pMethods->xWrite(real, gathered.data(), size, end - size);
    gathered.clear();
    return code;
  }

  int Write(const char* data, int size, sqlite3_int64 offset) {
    if (gathered_by != commit) gathered.clear();
    gathered_by = commit;
    const bool follows = commit != 0 && offset == end;
    if (!follows || gathered.size() + static_cast<std::size_t>(size) > kMaxGathered) {
      if (const int code = WriteGathered(); code != SQLITE_OK) return code;
    }
    end = offset + size;
    if (size == kFrameHeaderSize) is_last = data[4] != 0 || data[5] != 0 || data[6] != 0 || data[7] != 0;
    if (!follows) return real->pMethods->xWrite(real, data, size, offset);
    gathered.append(data, static_cast<std::size_t>(size));
    if (!is_last || size == kFrameHeaderSize) return SQLITE_OK;
    return WriteGathered();
  }

  sqlite3_file* real;
  std::string gathered;
  std::uint64_t gathered_by = 0;  // the commit
  sqlite3_int64 end = -1;         // of what was last written or gathered
  bool is_last = false;           // the page whose header came last, of its transaction
};

LogFile& LogFileOf(sqlite3_file* file) {
  return *static_cast<LogFile*>(file);
}

int WriteFile(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  try {
    return LogFileOf(file).Write(static_cast<const char*>(data), size, offset);
  } catch (const std::bad_alloc&) {
    return SQLITE_IOERR_NOMEM;
  }
}

// Does the same with the real file.
template <auto kMethod, typename... Arguments>
int Pass(sqlite3_file* file, Arguments... arguments) {
  sqlite3_file* const real = LogFileOf(file).real;
  return (real->pMethods->*kMethod)(real, arguments...);
}

int CloseFile(sqlite3_file* file) {
  const int code = Pass<&sqlite3_io_methods::xClose>(file);
  LogFileOf(file).~LogFile();
  return code;
}

// What SQLite asks of a write-ahead log, which is neither locked nor mapped into memory.
constexpr sqlite3_io_methods kMethods = [] {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;
  methods.xClose = &CloseFile;
  methods.xRead = &Pass<&sqlite3_io_methods::xRead>;
  methods.xWrite = &WriteFile;
  methods.xTruncate = &Pass<&sqlite3_io_methods::xTruncate>;
  methods.xSync = &Pass<&sqlite3_io_methods::xSync>;
  methods.xFileSize = &Pass<&sqlite3_io_methods::xFileSize>;
  methods.xFileControl = &Pass<&sqlite3_io_methods::xFileControl>;
  methods.xSectorSize = &Pass<&sqlite3_io_methods::xSectorSize>;
  methods.xDeviceCharacteristics = &Pass<&sqlite3_io_methods::xDeviceCharacteristics>;
  return methods;
}();

sqlite3_vfs* DefaultVfs() {
  static sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  return vfs;
}

// `file` has room for a LogFile and, behind it, what the default VFS makes of a file; any other file is that
// alone.
int OpenFile(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  sqlite3_vfs* const vfs = DefaultVfs();
  if ((flags & SQLITE_OPEN_WAL) == 0) return vfs->xOpen(vfs, name, file, flags, out_flags);
  auto* const real = reinterpret_cast<sqlite3_file*>(static_cast<LogFile*>(file) + 1);
  file->pMethods = nullptr;  // nothing to close
  const int code = vfs->xOpen(vfs, name, real, flags, out_flags);
  if (code == SQLITE_OK) (new (file) LogFile(real))->pMethods = &kMethods;
  return code;
}

}  // namespace

const char* GatheringVfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs gathering = *DefaultVfs();
    gathering.zName = "billhook";
    gathering.szOsFile += static_cast<int>(sizeof(LogFile));
    gathering.xOpen = &OpenFile;
    return gathering;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  BILLHOOK_CHECK(registered == SQLITE_OK);
  return vfs.zName;
}

GatheredCommit::GatheredCommit() {
  commit = ++last_commit;
}

GatheredCommit::~GatheredCommit() {
  commit = 0;
}

}  // namespace billhook::storage
