// A VFS of SQLite that writes at once what a COMMIT adds to the write-ahead log. SQLite makes two calls of
// the kernel for each page, one for the page's header: they are four fifths of what that costs.
#pragma once

namespace billhook::storage {

// Its name, for sqlite3_open_v2: the default VFS in all else. Registered by the first call.
const char* GatheringVfs();

// While one lives, what its thread writes is gathered until the last page of its transaction: for one COMMIT.
class GatheredCommit {
 public:
  GatheredCommit();
  ~GatheredCommit();
  GatheredCommit(const GatheredCommit&) = delete;
  GatheredCommit& operator=(const GatheredCommit&) = delete;
};

}  // namespace billhook::storage
