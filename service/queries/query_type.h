// What a query type is: a name, a JSON Schema of its filters, the read models it reads, and a handler. All
// are registered in registry.cpp. Values; thread safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"
#include "service/bus/refusal.h"
#include "service/commands/schema.h"
#include "service/config.h"
#include "service/query/object_finder.h"
#include "service/storage/timeline.h"

namespace billhook::queries {

struct QueryCall {
  storage::Database& database;
  query::ObjectFinder& subscriptions;
  const std::string& tenant;
  const Json& filters;  // fit the schema
  const query::PageRequest& page;
  const storage::Timeline& timeline;
};

// One document, or a page of them.
struct QueryAnswer {
  std::string data;  // JSON text
  std::int64_t position = 0;
  bool has_more = false;
  query::Key last{};  // of a page that is not the last
};

struct QueryType {
  std::string_view name;
  const Schema* schema = nullptr;  // of its filters
  // The read models that must have reached min_position, the one that the answer names first; none: the log.
  std::vector<std::string> projections;
  std::size_t key_parts = 0;     // of a cursor; 0 where the answer is one document
  bool key_is_a_number = false;  // the cursor's key starts with one
  Role role = Role::kReader;
  Result<QueryAnswer, Refusal> (*handler)(const QueryCall&) = nullptr;
};

// nullptr if there is no such type.
const QueryType* FindQueryType(std::string_view name);

}  // namespace billhook::queries
