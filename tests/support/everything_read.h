// All that callers can read of a tenant on a timeline, by name: for tests that hold two databases, or a
// branch and a log of its own, against each other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "service/storage/timeline.h"

namespace billhook::test {

// Rows as JSON texts, sorted where engines differ in how they order texts. `seed` chooses the sizes of pages.
std::map<std::string, std::vector<std::string>> ReadEverything(storage::Database& database,
                                                               const std::string& tenant,
                                                               const storage::Timeline& timeline,
                                                               std::uint64_t seed);

}  // namespace billhook::test
