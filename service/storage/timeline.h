// Which events a read sees: the main log, or a branch, which is the main log up to its fork and then the
// branch's own events. SQL over events is written once and asks its timeline what stands behind FROM. A
// value, thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "service/storage/sql.h"

namespace billhook::storage {

class Timeline {
 public:
  // The main log.
  Timeline() = default;
  // A branch, as of when its last event stood at `head`.
  Timeline(std::string branch, std::int64_t fork, std::int64_t head)
      : branch_(Branch{std::move(branch), fork, head}) {}

  struct Branch {
    std::string id;
    std::int64_t fork = 0;  // the last position of the main log that belongs to it
    std::int64_t head = 0;  // its last position
  };
  // Nothing for the main log.
  [[nodiscard]] const std::optional<Branch>& branch() const { return branch_; }

  // What stands behind FROM for its events; what that needs is added to `parameters`.
  [[nodiscard]] std::string Events(Parameters& parameters) const;
  // A SELECT, open for ORDER BY and LIMIT, of those of its events that meet the condition, which relates each
  // (columns of the log) to a pair (a, b) of `pairs` (PAIRS($n)): one look into an index a pair.
  [[nodiscard]] std::string Select(const std::string& columns, const std::string& pairs,
                                   const std::string& condition, Parameters& parameters) const;

 private:
  std::optional<Branch> branch_;
};

}  // namespace billhook::storage
