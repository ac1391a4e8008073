// For LD_PRELOAD: each flush to disk takes 1 ms more, as on a slower disk.
#include <ctime>

#include <dlfcn.h>

namespace {

int FlushLate(const char* name, int file) {
  const timespec pause{0, 1'000'000};
  nanosleep(&pause, nullptr);
  using Flush = int (*)(int);
  return reinterpret_cast<Flush>(dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) {
  return FlushLate("fsync", file);
}

extern "C" int fdatasync(int file) {
  return FlushLate("fdatasync", file);
}
