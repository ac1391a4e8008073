// ReadModels' dead letters: each is an event that a projection could not use, and may be tried again.
#include "domain/event_store.h"
#include "service/storage/event_log.h"
#include "service/storage/generation.h"
#include "service/storage/read_models.h"
#include "service/storage/standing.h"

namespace billhook::storage {

std::vector<SetAside> SetAsideBy(const Changes& changes) {
  std::vector<SetAside> all;
  for (const DeadLetter& letter : changes.dead_letters)
    all.push_back({letter.event->position, KnownId(letter.event->event), letter.event->event.event_type});
  return all;
}

Retry ReadModels::RetryDeadLetter(const Projection& projection, const std::string& tenant,
                                  std::int64_t position, UnixMicros now) {
  const std::string name(projection.name());
  Database::Lease session = database_.Acquire(Purpose::kProject);
  bool refused = false;
  while (true) {
    Transaction transaction(*session);
    session->BeginWrite();
    const Standing standing = HoldLive(*session, name);
    const Rows letter = session->Query(
        "SELECT 1 FROM dead_letters WHERE projection = $1 AND generation = $2 AND position = $3 AND tenant = "
        "$4",
        {name, standing.live, position, tenant});
    if (letter.empty()) return Retry::kNotFound;
    if (standing.version != projection.version()) return Retry::kSuperseded;

    Changes changes;
    const auto stretch =
        std::make_shared<const Stretch>(ReadLogFor(*session, projection, position - 1, 1), standing.server);
    const std::vector<RecordedEvent>& event = stretch->events();
    if (event.empty() || event.front().position != position)
      throw StorageError("the log does not have position " + std::to_string(position) + " any more", false);
    if (refused) changes.dead_letters.push_back({&event.front(), kRefused});
    try {
      GenerationReader reader(*session, standing.live, standing.live_position, tail_, stretch);
      if (!refused) changes = projection.Apply(event, reader);
      WriteRows(*session, standing.live, changes);
    } catch (const StorageError& error) {
      if (!error.about_data()) throw;
      refused = true;
      continue;  // the transaction is rolled back
    }
    if (changes.dead_letters.empty()) {
      session->Execute("DELETE FROM dead_letters WHERE projection = $1 AND generation = $2 AND position = $3",
                       {name, standing.live, position});
    } else {
      session->Execute(
          "UPDATE dead_letters SET attempts = attempts + 1, last_failed_at = $4, reason = $5 WHERE "
          "projection = $1 AND generation = $2 AND position = $3",
          {name, standing.live, position, now, changes.dead_letters.front().reason});
    }
    transaction.Commit();
    return changes.dead_letters.empty() ? Retry::kApplied : Retry::kFailedAgain;
  }
}

std::vector<DeadLetterPlace> ReadModels::DeadLettersAfter(const std::string& tenant,
                                                          const std::optional<std::string>& projection,
                                                          const DeadLetterPlace& after, std::size_t limit) {
  Parameters parameters = {tenant, after.position, after.projection, static_cast<std::int64_t>(limit)};
  if (projection) parameters.emplace_back(*projection);
  Database::Lease session = database_.Acquire(Purpose::kRead);
  Rows rows = session->Query(
      std::string("SELECT d.position, d.projection FROM dead_letters d JOIN projections p ON p.name = "
                  "d.projection AND p.live_generation = d.generation WHERE d.tenant = $1 AND "
                  "(d.position, d.projection) > ($2, $3)") +
          (projection ? " AND d.projection = $5" : "") + " ORDER BY d.position, d.projection LIMIT $4",
      parameters);
  std::vector<DeadLetterPlace> places;
  for (std::size_t i = 0; i < rows.size(); ++i) places.push_back({rows.Int(i, 0), rows.TakeText(i, 1)});
  return places;
}

bool ReadModels::RemoveDeadLetter(const std::string& projection, const std::string& tenant,
                                  std::int64_t position) {
  Database::Lease session = database_.Acquire(Purpose::kProject);
  Transaction transaction(*session);
  session->BeginWrite();
  const std::int64_t removed = session->Execute(
      "DELETE FROM dead_letters WHERE projection = $1 AND position = $2 AND tenant = $3 AND generation = " +
          LiveGeneration("$1"),
      {projection, position, tenant});
  transaction.Commit();
  return removed > 0;
}

}  // namespace billhook::storage
