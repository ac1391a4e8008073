// The allocator that the binary is linked with: jemalloc, or the C library's where that is left out
// (sanitizers). Thread safe.
#pragma once

namespace billhook {

// What has been freed goes back to the system now; by itself an allocator keeps some of it for later.
void GiveFreedMemoryBack();

}  // namespace billhook
