#include "service/process_stats.h"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace billhook {
namespace {

std::string Contents(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// proc(5): the second field of statm, in pages.
std::size_t ResidentBytes() {
  std::istringstream statm(Contents("/proc/self/statm"));
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t OpenFds() {
  // Since Linux 6.2 the directory tells as its size how many there are: ten thousand are long to list.
  struct stat directory {};
  if (stat("/proc/self/fd", &directory) == 0 && directory.st_size > 0)
    return static_cast<std::size_t>(directory.st_size);
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (error) return 0;
  return static_cast<std::size_t>(std::distance(begin(open), end(open))) -
         1;  // the one that was open to look
}

double Now(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// When the kernel booted, plus the twenty-second field of stat (clock ticks since then). The second field, a
// name in parentheses, may hold anything.
double StartUnixSeconds() {
  const std::string process = Contents("/proc/self/stat");
  const std::size_t name_end = process.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(process.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  return Now(CLOCK_REALTIME) - Now(CLOCK_BOOTTIME) + ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    stats.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  stats.resident_bytes = ResidentBytes();
  stats.open_fds = OpenFds();
  static const double kStart = StartUnixSeconds();  // the clocks' jitter would look like a new process
  stats.start_unix_seconds = kStart;
  return stats;
}

}  // namespace billhook
