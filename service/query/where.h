// Builds the WHERE clause of a query from the filters that a caller gave. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "service/query/page.h"
#include "service/storage/timeline.h"

namespace billhook::query {

class Where {
 public:
  // Adds a parameter and answers its marker, "$3".
  std::string Bind(storage::Parameter value);
  // Adds a condition with AND.
  void And(const std::string& condition);
  void Equal(std::string_view column, storage::Parameter value);
  template <typename T>
  void EqualIf(std::string_view column, const std::optional<T>& value) {
    if (value) Equal(column, storage::Parameter(*value));
  }

  [[nodiscard]] std::string sql() const { return conditions_.empty() ? "" : " WHERE " + conditions_; }
  [[nodiscard]] const storage::Parameters& parameters() const { return parameters_; }

 private:
  std::string conditions_;
  storage::Parameters parameters_;
};

// Where the live generation of a read model stands, both read in the same state of the database as the rows.
struct LiveModel {
  std::int64_t generation = 0;
  std::int64_t position = 0;
};
LiveModel LiveModelOf(storage::Session& session, const std::string& projection);
// The position that a read of the timeline shows: a branch's last, or that of the live generation.
std::int64_t PositionOf(const storage::Timeline& timeline, const LiveModel& live);

// A page of the read model's rows that the conditions let through, in order of ID and row key, which are the
// cursor's key.
Page ReadRows(storage::Session& session, std::string_view table, Where where, const PageRequest& request,
              std::int64_t position);

}  // namespace billhook::query
