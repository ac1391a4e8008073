// DocumentSpace: the memory that documents made of JSON bodies take together. A document takes many times
// what its text does (an empty object of two bytes some hundred), so bodies that the server has room for
// could still exhaust it. Thread safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

namespace billhook::http {

// No document of that text takes more. Whether it is JSON is not looked at.
std::size_t MostBytesOfDocument(std::string_view text);

class DocumentSpace {
 public:
  static constexpr std::size_t kBytes = 128 << 20;
  // The document of a shorter text is not counted, so that large bodies keep out nobody with a small one: a
  // thread has one at a time, of some 2 MiB.
  static constexpr std::size_t kSmallTextBytes = 16 * 1024;

  // What one document takes, until it is dropped. It may outlive the space.
  class Part {
   public:
    Part(std::shared_ptr<std::atomic<std::size_t>> used, std::size_t bytes)
        : used_(std::move(used)), bytes_(bytes) {}
    ~Part() { *used_ -= bytes_; }
    Part(const Part&) = delete;
    Part& operator=(const Part&) = delete;

   private:
    const std::shared_ptr<std::atomic<std::size_t>> used_;
    const std::size_t bytes_;
  };

  // Room for the document of that text; nullptr while those of others leave too little. One without others
  // always finds it, so whatever may be sent can be answered some time.
  std::shared_ptr<Part> Take(std::string_view text);

 private:
  const std::shared_ptr<std::atomic<std::size_t>> used_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace billhook::http
