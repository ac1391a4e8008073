// A copy of a SQLite database as it stands at one moment, while another process may serve from it: the copy
// reads one state of each file throughout and keeps nobody from writing. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace billhook::storage {

// Copies the database at `path` to `target`, which must not exist and appears once it is whole and on the
// disk, and its read models to the file beside that, a moment older: they catch up once they are served.
// `progress(pages, total)` is called now and then. Throws StorageError that tells a person what to do. Why
// the read models, which can be made again, are not in it, or nothing.
std::optional<std::string> BackUpSqlite(const std::string& path, const std::string& target,
                                        const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace billhook::storage
