// The runs of backfills and how far they have come, as the database keeps them. Thread safe; throws
// StorageError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "domain/time.h"
#include "service/backfill/coverage.h"
#include "service/storage/sql.h"

namespace billhook::backfill {

struct Run {
  std::string id;  // UUID
  std::string tenant;
  bool livemode = true;
  std::int64_t since_s = 0;         // as asked
  std::int64_t from_s = 0;          // where the walk began
  std::int64_t walked_until_s = 0;  // every event that Stripe listed before is in the log
  std::int64_t until_s = 0;         // where the walk ends
  std::int64_t listed = 0;
  std::int64_t recorded = 0;              // of them, which the log had not; the others are duplicates
  std::optional<UnixMicros> missed_from;  // when the first and the last of those occurred
  std::optional<UnixMicros> missed_to;
  UnixMicros started_at = 0;
  UnixMicros updated_at = 0;
  std::optional<UnixMicros> finished_at;
};

class Runs {
 public:
  explicit Runs(storage::Database& database) : database_(database) {}

  // The newest run that has not finished and began at `since_s` or before.
  std::optional<Run> Unfinished(const std::string& tenant, bool livemode, std::int64_t since_s);
  // Adds the run, or replaces it as it stands.
  void Save(const Run& run);
  // At most `limit`, the newest first.
  std::vector<Run> List(const std::string& tenant, bool livemode, std::size_t limit);
  // What of time the runs (the newest kMostRuns of them) were asked about, and what they have seen.
  Coverage ReadCoverage(const std::string& tenant, bool livemode, std::int64_t now_s);

  static constexpr std::size_t kMostRuns = 10'000;

 private:
  storage::Database& database_;
};

}  // namespace billhook::backfill
