// A VFS of SQLite that writes what a transaction adds to the write-ahead log at once. SQLite writes each page
// with two calls of the kernel, a page's header and the page: four fifths of the time that takes are the calls.
#pragma once

namespace billhook::storage {

// Its name, for sqlite3_open_v2: the default VFS in all else. Registered by the first call.
const char* GatheringVfs();

}  // namespace billhook::storage
