// Bookkeeping for "the newest fact about an object wins": which events share an object's newest moment. A row
// keeps only their positions; their payloads are read from the log again in the rare case that several tie.
// Values; a cache is for one thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/stripe/event_body.h"
#include "projections/projection.h"

namespace billhook {

// What a Stripe event says, as all projections share it: in brief, or whole where something is wrong with a
// part that this one does not mind. The reason why it cannot be used names nothing of it.
using BodyPtr = std::shared_ptr<const stripe::EventBody>;
Result<BodyPtr, std::string> ReadBody(ReadModel& read_model, const RecordedEvent& recorded,
                                      std::string_view object_type);

// Names what an event type is about, e.g. "charge".
using ObjectTypeOf = std::function<std::string_view(std::string_view event_type)>;

// The bodies of the events that a batch works with, by position.
class EventBodies {
 public:
  EventBodies(ReadModel& read_model, ObjectTypeOf object_type_of)
      : read_model_(read_model), object_type_of_(std::move(object_type_of)) {}

  const stripe::EventBody& Add(BodyPtr body);
  [[nodiscard]] const stripe::EventBody& At(std::int64_t position) const;
  // Reads what is not here yet of events that have been judged usable. Each group is of events that share an
  // object and a moment: where they are to be compared by members that a brief has not, they are read whole.
  void Load(const std::vector<std::vector<std::int64_t>>& groups);

 private:
  [[nodiscard]] bool NeedsWhole(const std::vector<std::int64_t>& group) const;

  ReadModel& read_model_;
  ObjectTypeOf object_type_of_;
  std::map<std::int64_t, BodyPtr> bodies_;
};

class NewestEvents {
 public:
  NewestEvents() = default;
  // From ToText.
  explicit NewestEvents(const std::string& text);
  [[nodiscard]] std::string ToText() const;

  // Takes the event in if none is newer by moment; whether the set changed.
  bool Add(const stripe::EventBody& body);
  [[nodiscard]] bool empty() const { return positions_.empty(); }
  [[nodiscard]] const stripe::Moment& moment() const { return moment_; }  // of them all; not when empty
  [[nodiscard]] const std::vector<std::int64_t>& positions() const { return positions_; }
  // Which of them tells the newest state; all must be in `bodies`.
  [[nodiscard]] const stripe::EventBody& Newest(const EventBodies& bodies) const;

 private:
  stripe::Moment moment_;
  std::vector<std::int64_t> positions_;  // ascending
};

}  // namespace billhook
