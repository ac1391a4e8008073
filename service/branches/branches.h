// Branches: alternative timelines forked from the log at a position, with events of their own that nobody
// else ever sees. Nothing of the log is copied, and the log is never written. What a branch tells is durable
// when a call returns. Thread safe; throws StorageError.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/event_store.h"
#include "domain/result.h"
#include "service/storage/timeline.h"

namespace billhook::branches {

constexpr std::int64_t kMaxBranches = 100;  // a tenant
constexpr std::int64_t kMaxEvents = 100'000;
constexpr std::int64_t kMaxPayloadBytes = std::int64_t{512} << 20;

struct Branch {
  std::string id;  // never used again
  std::string tenant;
  std::string name;
  std::int64_t from_position = 0;
  UnixMicros created_at = 0;
  std::int64_t events = 0;  // of its own
  std::int64_t payload_bytes = 0;

  [[nodiscard]] std::int64_t head() const { return from_position + events; }
  [[nodiscard]] storage::Timeline timeline() const { return {id, from_position, head()}; }
};

// 1 to 64 of a-z, 0-9 and '-'.
bool IsName(std::string_view name);

// Where to fork: a position of the log, a time of recording (the last event recorded at or before it), or, if
// neither is given, the end of the log.
struct Fork {
  std::optional<std::int64_t> position;
  std::optional<UnixMicros> time;
};

enum class CreateRefusal { kAlreadyExists, kTooMany, kBeyondHead };
enum class AppendRefusal { kNotFound, kFull };

Result<Branch, CreateRefusal> Create(storage::Database& database, const std::string& tenant,
                                     const std::string& name, const Fork& fork, UnixMicros now);
std::optional<Branch> Find(storage::Database& database, const std::string& tenant, const std::string& name);
// In order of name, from after `after` on.
std::vector<Branch> List(storage::Database& database, const std::string& tenant, const std::string& after,
                         std::size_t limit);
// Deletes the branch with all its events; false if there is none.
bool Remove(storage::Database& database, const std::string& tenant, const std::string& name);

struct Appended {
  std::vector<AppendOutcome> outcomes;  // one a request
  Branch branch;                        // as it stands now
};
// As EventStore::AppendBatch, on the branch: duplicates and conflicts are looked for up to its fork and in
// its own events.
Result<Appended, AppendRefusal> Append(storage::Database& database, const std::string& tenant,
                                       const std::string& name, const std::vector<AppendRequest>& requests,
                                       UnixMicros now);

}  // namespace billhook::branches
