// A small file system of a test's own (tmpfs, which takes root), to be filled up and made read-only. Gone
// with the object.
#pragma once

#include <cstddef>
#include <filesystem>

namespace billhook::test {

class SmallDisk {
 public:
  explicit SmallDisk(std::size_t mebibytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // False where this process may not mount.
  [[nodiscard]] bool available() const { return mounted_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  // Takes all that is left.
  void FillUp() const;
  // Gives it back.
  void MakeRoom() const;
  // While nothing on it is open.
  void MakeReadOnly() const;

 private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

}  // namespace billhook::test
