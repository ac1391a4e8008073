// What the kernel says of this process, from /proc: memory, descriptors, processor time, age. What cannot be
// read is 0. Thread safe.
#pragma once

#include <cstddef>

namespace billhook {

struct ProcessStats {
  std::size_t resident_bytes = 0;
  std::size_t open_fds = 0;
  std::size_t max_fds = 0;
  double cpu_seconds = 0;
  double start_unix_seconds = 0;
};

ProcessStats ReadProcessStats();

}  // namespace billhook
