// Bookkeeping for "the newest fact about an object wins": which events share an object's newest moment. A row
// keeps only their positions; their payloads are read from the log again in the rare case that several tie.
// Values; a cache is for one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "domain/stripe/event_body.h"
#include "projections/projection.h"

namespace billhook {

// The bodies of the events that a batch works with, by position.
class EventBodies {
 public:
  const stripe::EventBody& Add(stripe::EventBody body);
  [[nodiscard]] const stripe::EventBody& At(std::int64_t position) const;
  // Reads those of `positions` that are not here yet. `object_type_of` names what an event type is about.
  void Load(const std::vector<std::int64_t>& positions, ReadModel& read_model,
            const std::function<std::string_view(std::string_view event_type)>& object_type_of);

 private:
  std::map<std::int64_t, stripe::EventBody> bodies_;
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
