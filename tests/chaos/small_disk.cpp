#include "tests/chaos/small_disk.h"

#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

namespace billhook::test {

namespace fs = std::filesystem;

SmallDisk::SmallDisk(std::size_t mebibytes) {
  std::string name = fs::temp_directory_path() / "billhook-disk.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
  const std::string options = "mode=0755,size=" + std::to_string(mebibytes) + "m";
  mounted_ = mount("billhook", path_.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  fs::remove(path_);
}

void SmallDisk::FillUp() const {
  const int file = open((path_ / "ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const std::string page(4'096, 'x');
  while (write(file, page.data(), page.size()) > 0) {
  }
  close(file);
}

void SmallDisk::MakeRoom() const {
  fs::remove(path_ / "ballast");
}

void SmallDisk::MakeReadOnly() const {
  if (mount("billhook", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) != 0)
    throw std::runtime_error("cannot make " + path_.string() + " read-only");
}

}  // namespace billhook::test
