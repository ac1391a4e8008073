#include "service/query/sagas_query.h"

#include <limits>

#include "service/query/where.h"
#include "service/storage/read_models.h"

namespace billhook::query {

Page ListSagas(storage::Database& database, const SagaFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "sagas");
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.EqualIf("saga_type", filter.saga_type);
  where.EqualIf("status", filter.status);
  return ReadRows(*session, "sagas", std::move(where), request, live.position);
}

std::vector<DueSaga> DueSagas(storage::Database& database, UnixMicros now,
                              const std::optional<DueSaga>& after, std::size_t limit) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  const storage::Rows rows =
      session->Query("SELECT tenant, id, due_at, row_key FROM sagas WHERE generation = " +
                         storage::LiveGeneration("'sagas'") +
                         " AND due_at <= $1 AND (due_at > $2 OR (due_at = $2 AND row_key > $3)) ORDER BY "
                         "due_at, row_key LIMIT " +
                         std::to_string(limit),
                     {now, after ? after->due_at : std::numeric_limits<UnixMicros>::min(),
                      after ? after->row_key : std::string()});
  std::vector<DueSaga> due;
  for (std::size_t i = 0; i < rows.size(); ++i)
    due.push_back({rows.Text(i, 0), rows.Text(i, 1), rows.Int(i, 2), rows.Text(i, 3)});
  return due;
}

}  // namespace billhook::query
