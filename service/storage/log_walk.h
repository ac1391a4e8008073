// The proof of the log: a walk along its chain, from the first event to the head.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "domain/event_store.h"
#include "service/storage/sql.h"

namespace billhook::storage {

// What verifying the chain found.
struct ChainReport {
  std::int64_t events = 0;                         // how many were walked
  std::optional<std::int64_t> first_bad_position;  // nothing: the log is whole
  std::string what;                                // what is wrong there
};

// How many sessions for reads a walk takes.
inline constexpr std::size_t kReadersOfAWalk = 2;

// What is called now and then: the position that is proven, and the last one.
using WalkProgress = std::function<void(std::int64_t, std::int64_t)>;

// What `tell` says of an event that is proven, on one of several threads, goes to `take`, in order. Throws
// StorageError where the database cannot be asked.
ChainReport WalkLog(Database& database, const std::function<std::string(const RecordedEvent&)>& tell,
                    const std::function<void(const std::string&)>& take, const WalkProgress& progress);
// The same for the report alone: the database computes what stands for each event's content
// (Session::ContentDigestSql), and payloads stay where they are.
ChainReport VerifyLog(Database& database, const WalkProgress& progress);

}  // namespace billhook::storage
