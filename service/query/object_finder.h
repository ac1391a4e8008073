// Finds the objects of one read model that callers name by ID. Where a look is a round trip to a server,
// those who ask while one is under way share the next, as appends share a commit: ten IDs cost little more
// than one, and nobody holds a thread meanwhile. Into a file each looks by himself. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

// What stands under an ID.
struct Found {
  std::size_t objects = 0;                    // at most kMaxHomonyms: accounts or livemodes may share the ID
  std::shared_ptr<const std::string> body{};  // JSON text, of the only one
  std::int64_t position = 0;                  // of the projection
};
Found OnlyOneOf(Page page);

struct ObjectName {
  std::string tenant;
  std::string id;

  auto operator<=>(const ObjectName&) const = default;
};

struct FinderLimits {
  std::size_t waiting = 4'096;
  // Who has waited longer is not looked for any more. A look itself ends after as long, by its session's
  // timeout.
  std::chrono::milliseconds patience{5'000};
  std::size_t bodies = 8 << 20;  // bytes of those found and not let go: above, nobody looks for more
};

class ObjectFinder {
 public:
  // What was found, or why nobody could look.
  using Outcome = std::variant<Found, std::exception_ptr>;
  using Done = std::function<void(Outcome)>;

  // Of the projection's table, which bears its name.
  ObjectFinder(storage::Database& database, std::string projection, FinderLimits limits = {});
  // Looks for all who wait first.
  ~ObjectFinder();
  ObjectFinder(const ObjectFinder&) = delete;
  ObjectFinder& operator=(const ObjectFinder&) = delete;

  // Calls `done` once, from a thread of its own or before this returns. It must not throw.
  void FindLater(ObjectName name, Done done);
  // Throws StorageError.
  Found Find(ObjectName name);

  // Whether FindLater returns before it is done.
  [[nodiscard]] bool shares_looks() const { return thread_.joinable(); }
  [[nodiscard]] storage::Database& database() const { return database_; }

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Caller {
    ObjectName name;
    Done done;
    SteadyClock::time_point until;
  };
  using Callers = std::vector<Caller>;

  void Run();
  // Those for whom the next look is; empty when there is nobody left and it is to end.
  Callers TakeNext();
  void Look(const Callers& callers);
  std::vector<Found> Read(const Callers& callers);
  // Counts the body until all who asked for it have let it go.
  std::shared_ptr<const std::string> Hold(std::string body);

  storage::Database& database_;
  const std::string projection_;
  const std::string sql_;
  const FinderLimits limits_;
  const std::shared_ptr<std::atomic<std::size_t>> held_bytes_;  // also of those who let go after our end
  std::mutex mutex_;
  std::condition_variable may_look_;
  std::deque<Caller> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // where looks are shared
};

// Throws what kept us from looking.
Found FoundIn(ObjectFinder::Outcome outcome);

}  // namespace billhook::query
