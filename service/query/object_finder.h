// Finds the objects of read models that callers name by ID. Where that is a round trip to a server, those who
// ask while one is under way share the next, as appends share a commit: ten IDs cost little more than one,
// and nobody holds a thread meanwhile. Into a file each looks by himself. Thread safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::query {

// What stands under an ID.
struct Found {
  std::size_t objects = 0;    // at most kMaxHomonyms: several where accounts or livemodes share the ID
  std::string body{};         // JSON text, of the only one
  std::int64_t position = 0;  // of the projection
};
Found OnlyOneOf(Page page);

// A projection's table bears its name.
struct ObjectName {
  std::string_view projection;
  std::string tenant;
  std::string id;

  auto operator<=>(const ObjectName&) const = default;
};

class ObjectFinder {
 public:
  // What was found, or why nobody could look.
  using Outcome = std::variant<Found, std::exception_ptr>;
  using Done = std::function<void(Outcome)>;

  explicit ObjectFinder(storage::Database& database);
  // What waits is looked for first.
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
  struct Caller {
    ObjectName name;
    Done done;
  };
  using Callers = std::vector<Caller>;

  void Run();
  // Some who ask for objects of one projection; none when there is nobody left and it is to end.
  Callers TakeNext();
  void Answer(const Callers& callers);
  std::vector<Found> Read(const Callers& callers);

  storage::Database& database_;
  std::mutex mutex_;
  std::condition_variable asked_;
  std::deque<Caller> waiting_;
  bool stopping_ = false;
  std::thread thread_;  // where looks are shared
};

// Throws what kept us from looking.
Found FoundIn(ObjectFinder::Outcome outcome);

}  // namespace billhook::query
