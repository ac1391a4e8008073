// Decides appends to a timeline in memory, under the lock that gives the caller the timeline to itself: what
// is known of the events and streams they touch, the outcome of each request, and the rows to insert. Nothing
// is written here. One thread; throws StorageError.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/event_store.h"
#include "service/storage/timeline.h"

namespace billhook::storage {

// The last event of a timeline, behind which the next goes.
struct Tip {
  std::int64_t position = 0;
  Digest checksum{};
  UnixMicros recorded_at = 0;
};

// The columns of an event's row, as `events` has them.
extern const std::vector<Column> kEventRowColumns;

class AppendPlan {
 public:
  // What a plan for these requests must know of the timeline: a SELECT of the columns `what`, a, b, c and
  // number. Rows of other kinds may stand beside its own.
  struct Question {
    std::string sql;
    Parameters parameters;
  };
  static Question QuestionFor(const Timeline& timeline, const std::vector<const AppendRequest*>& requests);

  // `answer` holds the rows for the question that the requests to be decided lead to.
  AppendPlan(const Rows& answer, const Tip& tip, UnixMicros now);

  AppendOutcome Decide(const AppendRequest& request);
  // Places an event of another log where it stood there; why not, if it cannot stand there.
  std::optional<std::string> DecideRestored(const AppendRequest& request, const RecordedEvent& told);

  // What was placed, in order.
  [[nodiscard]] const std::vector<RecordedEvent>& placed() const { return placed_; }
  std::vector<RecordedEvent> TakePlaced() { return std::move(placed_); }
  // The same as rows.
  [[nodiscard]] std::vector<Row> PlacedRows() const;
  // The timeline's last event once they are in.
  [[nodiscard]] Tip tip() const { return {position_, checksum_, now_}; }

 private:
  using StripeKey = std::pair<std::string, std::string>;  // tenant, Stripe event ID
  using StreamKey =
      std::tuple<std::string, std::string, std::string>;  // tenant, aggregate ID, aggregate type
  static StreamKey StreamOf(const Event& event);

  std::int64_t Place(const Append& append);
  [[nodiscard]] std::optional<std::int64_t> FirstRecording(const AppendRequest& request) const;
  [[nodiscard]] std::optional<VersionConflict> FindConflict(const AppendRequest& request) const;

  UnixMicros now_;
  std::int64_t position_;
  Digest checksum_;
  std::map<StripeKey, std::int64_t> known_;
  std::map<StreamKey, std::int64_t> versions_;
  std::vector<RecordedEvent> placed_;
};

}  // namespace billhook::storage
