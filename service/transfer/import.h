// Takes an exported log over into this one, line by line, in bounded memory: into an empty log, or going on
// where an earlier import of the same file ended. Each commit leaves a whole prefix of the file. One thread;
// throws StorageError.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <string>

#include "service/storage/event_log.h"

namespace billhook::transfer {

struct ImportReport {
  std::int64_t known = 0;     // events that the log held before
  std::int64_t imported = 0;  // events that were added
  std::string refusal;        // why it stopped, naming the line where one is to blame; empty: all is in
};

// `progress(events, bytes)` is called after each line. Nothing of a line that is refused, and of those after
// it, is written.
ImportReport Import(std::istream& in, storage::EventLog& log,
                    const std::function<void(std::int64_t, std::int64_t)>& progress);

}  // namespace billhook::transfer
