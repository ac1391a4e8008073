// The audit log of commands over either engine: who asked for what, and what became of it. A command is
// entered as pending before it runs and closed once, by whoever ran it or, where its lease ran out, from the
// event log. Thread safe; throws StorageError.
#pragma once

#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <vector>

#include "domain/time.h"
#include "service/query/page.h"
#include "service/storage/sql.h"

namespace billhook::commands {

struct CommandEntry {
  std::string command_id;  // UUIDv7: in order of time
  std::string tenant;
  std::string command_type;
  std::optional<std::string> aggregate_id;
  std::string status = "pending";  // "pending", "ok", "error"
  std::string issued_by;
  std::string data;                   // JSON text
  std::optional<std::string> result;  // JSON text, of what is ok
  std::optional<std::string> error;   // JSON text, of an error
  std::optional<std::int64_t> position;
  UnixMicros created_at = 0;
  std::optional<std::int64_t> duration_us;
  UnixMicros lease_until = 0;
  std::optional<std::string> idempotency_key;
  std::string request_hash;
};

// How a command is closed.
struct Closing {
  bool ok = false;
  std::string document;  // JSON text: the result or the error
  std::optional<std::int64_t> position;
  std::optional<std::int64_t> duration_us;
  bool flush = false;  // the answer must outlive a power loss, and the event log cannot tell it
  // The command did nothing and its answer says to send it again: the same key may run anew.
  bool release_key = false;
};

struct CommandFilter {
  std::string tenant;
  std::optional<std::string> command_type{};
  std::optional<std::string> aggregate_id{};
  std::optional<std::string> status{};
  std::optional<std::string> issued_by{};
};

class CommandLog {
 public:
  explicit CommandLog(storage::Database& database) : database_(database) {}

  // Enters the command as pending, or answers the one that has its idempotency key already.
  std::optional<CommandEntry> Enter(const CommandEntry& entry);

  // Holds on to a pending command; false if it is no longer pending.
  bool Extend(const std::string& command_id, UnixMicros lease_until);

  // False if it was closed before.
  bool Close(const std::string& command_id, const Closing& closing);

  // Closes the pending commands whose lease ran out before `at`: ok if the event log holds what they caused,
  // else as `interrupted`. An append of theirs that is still under way ends first. How many were closed.
  std::size_t CloseAbandoned(UnixMicros at, const std::string& interrupted);

  std::optional<CommandEntry> Find(const std::string& tenant, const std::string& command_id);

  // The newest first. The cursor's key is the ID.
  static constexpr std::size_t kKeyParts = 1;
  std::vector<CommandEntry> List(const CommandFilter& filter, const query::PageRequest& request);

 private:
  // Sessions that write here at a time: however many commands run, they leave the others their share.
  static constexpr std::ptrdiff_t kWriters = 4;

  storage::Database& database_;
  std::counting_semaphore<kWriters> writers_{kWriters};
  std::mutex flushing_;  // one at a time stands in the way of appends
};

// The result of a command over an aggregate, as its last event tells it.
std::string ResultText(const std::string& aggregate_type, const std::string& aggregate_id,
                       std::int64_t version);

}  // namespace billhook::commands
