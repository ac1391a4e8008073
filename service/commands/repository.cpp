#include "service/commands/repository.h"

#include "domain/aggregates.h"
#include "domain/check.h"
#include "service/snapshots/snapshots.h"

namespace billhook::commands {

Aggregate Load(storage::Database& database, const std::string& tenant, const std::string& aggregate_type,
               const std::string& aggregate_id) {
  BILLHOOK_CHECK(HasRules(aggregate_type));
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  Result<snapshots::StateFromSnapshot, query::NoState> found =
      snapshots::StateOf(*session, {tenant, aggregate_type, aggregate_id}, {});
  BILLHOOK_CHECK(found.has_value());  // by their rules aggregates are always in one state
  return {std::move((*found).state.state), (*found).state.version};
}

}  // namespace billhook::commands
