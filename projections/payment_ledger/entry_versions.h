// Entries over time: a row for each stretch in which an entry stood as it is, from `since` up to but not
// including `until` (microseconds; kOpen while it stands). One table follows what was true (occurred_at),
// another what was known (recorded_at), so that a balance as of any time is a sum over rows. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "domain/time.h"
#include "projections/payment_ledger/entries.h"
#include "projections/projection.h"

namespace billhook::ledger {

// The same columns but for `body` and, in the history, `since` and `until`.
extern const Table kEntriesTable;
extern const Table kOccurredTable;
extern const Table kRecordedTable;

constexpr UnixMicros kOpen = std::numeric_limits<UnixMicros>::max();

// Who owns an entry: the source object whose state books it. Its key may be longer than an index takes
// together with the entry's ID: in row keys its digest stands for it, behind that ID, so that entries of
// about one time lie near each other, as Stripe's IDs do.
struct Owner {
  std::string key;
  std::string digest;
};
Owner OwnerOf(const std::string& object_key);

// An entry as the three tables keep it: the key of its row, and the columns that they share.
struct BookedEntry {
  std::string key;
  Row content;
};
BookedEntry BookedFrom(const Entry& entry, const Scope& scope, const Owner& owner);
// A row of kEntriesTable.
Row EntryRow(const Entry& entry, const Scope& scope, const Owner& owner);

class EntryVersions {
 public:
  // `table` is kOccurredTable or kRecordedTable; `rows` are all that it holds of the owners to be observed.
  EntryVersions(const Table& table, std::vector<Row> rows);

  // Forgets what is told of the owner from `at` on.
  void Rewind(const std::string& owner_key, UnixMicros at);
  // From `at` on the owner has these entries. Times must grow.
  void Observe(const std::string& owner_key, UnixMicros at, std::vector<BookedEntry> entries);
  // The rows that are new, other or gone.
  void WriteDifferences(Changes& changes) const;

 private:
  struct Version {
    Row content;
    UnixMicros since = 0;
    UnixMicros until = kOpen;
  };
  using Versions = std::vector<Version>;  // in order of time

  const Table& table_;
  std::map<std::string, Row> before_;
  std::map<std::string, std::map<std::string, Versions>> versions_;  // by owner, then by entry
};

}  // namespace billhook::ledger
