#include "service/commands/repository.h"

#include "domain/aggregates.h"
#include "service/storage/event_log.h"

namespace billhook::commands {
namespace {

constexpr std::size_t kChunk = 500;  // events in memory at a time

}  // namespace

Aggregate Load(storage::Database& database, const std::string& tenant, const std::string& aggregate_type,
               const std::string& aggregate_id) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  Aggregate aggregate;
  while (true) {
    const std::vector<RecordedEvent> events = storage::EventsFrom(session->Query(
        "SELECT " + storage::kEventColumns +
            " FROM events WHERE tenant = $1 AND aggregate_id = $2 AND aggregate_type = $3 AND version > $4 "
            "ORDER BY version LIMIT " +
            std::to_string(kChunk),
        {tenant, aggregate_id, aggregate_type, aggregate.version}));
    for (const RecordedEvent& recorded : events) {
      aggregate.state = EvolveState(aggregate_type, aggregate.state, recorded.event).value();
      aggregate.version = recorded.version;
    }
    if (events.size() < kChunk) return aggregate;
  }
}

}  // namespace billhook::commands
