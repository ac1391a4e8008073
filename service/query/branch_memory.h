// What reads of branches have computed last, kept for the next readers in this process: a pure function of
// what stands in the key, for a branch's ID is never used again and neither the log nor a branch changes
// behind its head. Of each branch only what was kept last stays. Thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace billhook::query {

struct BranchKey {
  std::string branch;                 // its ID
  std::vector<std::int64_t> state{};  // its head, and what else the value depends on
  bool operator==(const BranchKey&) const = default;
};

// A Value tells its size() in rows, of about 1 kB each.
template <typename Value>
class BranchMemory {
 public:
  static constexpr std::size_t kMostRows = 50'000;

  // nullptr if nothing is known.
  std::shared_ptr<const Value> Find(const BranchKey& key) {
    const std::lock_guard lock(mutex_);
    for (auto at = newest_first_.begin(); at != newest_first_.end(); ++at) {
      if (at->first != key) continue;
      newest_first_.splice(newest_first_.begin(), newest_first_, at);
      return at->second;
    }
    return nullptr;
  }

  void Keep(const BranchKey& key, std::shared_ptr<const Value> value) {
    const std::lock_guard lock(mutex_);
    // What the branch showed before, and what another reader kept meanwhile, is of no more use.
    newest_first_.remove_if([&key](const auto& kept) { return kept.first.branch == key.branch; });
    newest_first_.emplace_front(key, std::move(value));
    std::size_t rows = 0;
    for (auto at = newest_first_.begin(); at != newest_first_.end();) {
      rows += at->second->size();
      at = rows <= kMostRows ? std::next(at) : newest_first_.erase(at);
    }
  }

 private:
  std::mutex mutex_;
  std::list<std::pair<BranchKey, std::shared_ptr<const Value>>> newest_first_;
};

}  // namespace billhook::query
