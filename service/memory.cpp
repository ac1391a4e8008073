#include "service/memory.h"

#include <cstddef>

#include <malloc.h>

extern "C" {
// jemalloc's, where it is linked: the name of a thing and what to do with it.
[[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                          std::size_t new_size);

// Read by jemalloc as it starts: few arenas, and no thread keeps freed pieces of more than 4 KiB to itself
// (events go from thread to thread: each would keep as many as the busiest has), for memory is worth more
// here than the last per cent of speed; and a thread of its own that gives back what lay unused for a moment.
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:2,tcache_max:4096,background_thread:true,dirty_decay_ms:100,muzzy_decay_ms:0";
}

namespace billhook {

void GiveFreedMemoryBack() {
  if (mallctl != nullptr) {
    mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // 4096 stands for all arenas
  } else {
    malloc_trim(0);
  }
}

}  // namespace billhook
