// Pages of lists by keyset: a cursor names the last row that was seen, so that pages stay stable while others
// write. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/result.h"

namespace billhook::query {

constexpr std::size_t kDefaultLimit = 20;
constexpr std::size_t kMaxLimit = 100;
constexpr std::size_t kMaxPageBytes = 8 << 20;
constexpr std::size_t kMaxHomonyms =
    2;  // rows of one ID that are looked for: more than one is ambiguous already

// The key of a row in the order of a list: its parts as texts.
using Key = std::vector<std::string>;

struct PageRequest {
  std::size_t limit = kDefaultLimit;
  Key after;                              // empty: from the start
  std::size_t max_bytes = kMaxPageBytes;  // the page ends early before it has more
};

struct Page {
  std::vector<std::string> rows;  // JSON texts
  bool has_more = false;
  Key last;  // of the last row, or behind it where more was looked at; where there is more, set
  std::int64_t position = 0;  // of the projection that the rows come from
};

// Opaque to callers: letters, digits, '-' and '_'.
std::string EncodeCursor(const Key& key);
// Nothing unless it is a cursor of a list whose keys have `parts` parts.
std::optional<Key> DecodeCursor(std::string_view cursor, std::size_t parts);

// Adds a row unless the page is full; false, and `has_more`, if it is. A page holds at least one row, however
// large.
bool AddToPage(Page& page, const PageRequest& request, std::string row, Key key);

// {"object":"list","data":[...],"has_more":...,"next_cursor":...}
std::string ListBody(const Page& page);

}  // namespace billhook::query
