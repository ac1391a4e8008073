// One generation of a projection's rows: what a projection sees of it while it applies a batch, and how its
// changes are written together with the checkpoint. For one thread, within the session's transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "projections/projection.h"
#include "service/storage/log_tail.h"
#include "service/storage/sql.h"

namespace billhook::storage {

class GenerationReader : public ReadModel {
 public:
  // `end` is the position up to which the rows tell the log once the batch is applied. Of what is known of
  // the log, it sees what the server has that the stretch is of; the stretch holds the batch.
  GenerationReader(Session& session, std::int64_t generation, std::int64_t end, LogTail& tail,
                   std::shared_ptr<const Stretch> stretch)
      : session_(session), generation_(generation), end_(end), tail_(tail), stretch_(std::move(stretch)) {}

  std::vector<Row> Find(const Table& table, std::string_view column,
                        const std::vector<std::string>& values) override;
  std::vector<Row> FindFlagged(const Table& table, std::string_view column,
                               const std::vector<std::string>& values, const Flag& flag) override;
  std::vector<RecordedEvent> EventsAt(const std::vector<std::int64_t>& positions) override;
  std::vector<RecordedEvent> StreamAfter(const Event& member, std::int64_t version) override;
  std::shared_ptr<const stripe::EventBody> BriefOf(const RecordedEvent& recorded) override;

 private:
  std::vector<Row> LookUp(const Table& table, std::string_view column, const std::vector<std::string>& values,
                          const std::optional<Flag>& flag);
  // The stretch that holds this position, or nullptr.
  std::shared_ptr<const Stretch> Holding(std::int64_t position);

  Session& session_;
  std::int64_t generation_;
  std::int64_t end_;
  LogTail& tail_;
  std::shared_ptr<const Stretch> stretch_;
};

// Why an event is a dead letter although the projection could use it.
constexpr const char* kRefused = "the database refuses what would be written of it";

// The ID by which people know the event: Stripe's own where Stripe sent it.
const std::string& KnownId(const Event& event);

// Where a generation's checkpoint goes, and what the events on the way change. The changes' dead letters
// point into a batch that must outlive it.
struct Advance {
  std::int64_t generation = 0;
  std::int64_t from = 0;
  std::int64_t to = 0;
  Changes changes;
};

// All in the session's transaction. Throws StorageError, retryable if the checkpoint is not at `from`.
void Write(Session& session, const std::string& projection, const Advance& advance, UnixMicros now);
void WriteRows(Session& session, std::int64_t generation, const Changes& changes);

// Deletes a part of one generation that nobody reads any more; false if there is none.
bool ClearLeftOver(Session& session, const Projection& projection);

}  // namespace billhook::storage
