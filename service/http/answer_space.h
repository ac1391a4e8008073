// AnswerSpace: how large the pages of lists may become. While few are being made, or wait for peers that read
// slowly, each may have its 8 MiB; beyond, pages end early and their cursors go on. So readers hold a bounded
// memory, however many and slow they are, and none is refused. Thread safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace billhook::http {

class AnswerSpace {
 public:
  static constexpr std::size_t kBytes = 32 << 20;  // for whole pages
  static constexpr std::size_t kSmallPageBytes = 512 << 10;

  // What one page takes, until it has been sent or dropped. It may outlive the space.
  class Part {
   public:
    Part(std::shared_ptr<std::atomic<std::size_t>> used, std::size_t bytes)
        : used_(std::move(used)), bytes_(bytes) {}
    ~Part() { *used_ -= bytes_; }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    // Once it is known how large the page has become. One thread.
    void Become(std::size_t bytes);

   private:
    const std::shared_ptr<std::atomic<std::size_t>> used_;
    std::size_t bytes_;
  };

  // Space for a whole page if there is any, else for a small one.
  std::shared_ptr<Part> Take();

 private:
  const std::shared_ptr<std::atomic<std::size_t>> used_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace billhook::http
