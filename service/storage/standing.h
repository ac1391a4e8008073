// Where projections stand, as the database knows it, and the right to change that: whoever advances a
// projection claims its checkpoint's row until the transaction ends, which frees it however the process
// dies. For one thread, within the session's transaction.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "service/storage/sql.h"

namespace billhook::storage {

struct Standing {
  int version = 0;  // of the projection that made the rows
  std::int64_t live = 0;
  std::int64_t live_position = 0;
  std::int64_t head = 0;  // the last position of the log
  std::string server;     // whose log that is: Session::ServerSql
  std::optional<std::int64_t> rebuild;
  int rebuild_version = 0;  // the version of the projection whose rows the rebuild makes
  bool left_over = false;   // a finished rebuild has left rows behind that are still to be cleared away
  bool failed = false;      // when it was last tried, by whichever process

  // Whether a projection of that version has more to do here than to follow the log.
  [[nodiscard]] bool NeedsMore(int own_version) const {
    return failed || (rebuild ? rebuild_version == own_version : left_over && version == own_version);
  }
};

// By name; without those whose checkpoint another process has claimed.
std::map<std::string, Standing> ClaimStandings(Session& session, const std::vector<std::string>& names);
// The same without claiming anything: all of them.
std::map<std::string, Standing> StandingsOf(Session& session, const std::vector<std::string>& names);
Standing StandingOf(Session& session, const std::string& name);

// Takes the right to say which generations the projection has, and waits for it.
Standing HoldProjection(Session& session, const std::string& name);
// Takes the right to advance what readers see, and waits for it.
Standing HoldLive(Session& session, const std::string& name);

}  // namespace billhook::storage
