#include "projections/newest_events.h"

#include <algorithm>
#include <sstream>

#include "domain/check.h"

namespace billhook {

const stripe::EventBody& EventBodies::Add(stripe::EventBody body) {
  const std::int64_t position = body.position;
  return bodies_.emplace(position, std::move(body)).first->second;
}

const stripe::EventBody& EventBodies::At(std::int64_t position) const {
  const auto body = bodies_.find(position);
  BILLHOOK_CHECK(body != bodies_.end());
  return body->second;
}

void EventBodies::Load(const std::vector<std::int64_t>& positions, ReadModel& read_model,
                       const std::function<std::string_view(std::string_view event_type)>& object_type_of) {
  std::vector<std::int64_t> missing;
  for (std::int64_t position : positions) {
    if (bodies_.count(position) == 0) missing.push_back(position);
  }
  if (missing.empty()) return;
  for (const RecordedEvent& recorded : read_model.EventsAt(missing)) {
    Result<stripe::EventBody, std::string> body =
        stripe::ReadEventBody(recorded, object_type_of(recorded.event.event_type));
    BILLHOOK_CHECK(body.has_value());  // it was usable when it was taken in
    Add(*std::move(body));
  }
}

NewestEvents::NewestEvents(const std::string& text) {
  std::istringstream words(text);
  int phase = 0;
  words >> moment_.created_s >> phase;
  moment_.phase = static_cast<stripe::Phase>(phase);
  for (std::int64_t position = 0; words >> position;) positions_.push_back(position);
}

std::string NewestEvents::ToText() const {
  if (positions_.empty()) return "";
  std::string text =
      std::to_string(moment_.created_s) + " " + std::to_string(static_cast<int>(moment_.phase));
  for (std::int64_t position : positions_) text += " " + std::to_string(position);
  return text;
}

bool NewestEvents::Add(const stripe::EventBody& body) {
  if (!positions_.empty() && body.moment < moment_) return false;
  if (positions_.empty() || body.moment > moment_) {
    moment_ = body.moment;
    positions_ = {body.position};
    return true;
  }
  const auto at = std::lower_bound(positions_.begin(), positions_.end(), body.position);
  if (at != positions_.end() && *at == body.position) return false;
  positions_.insert(at, body.position);
  return true;
}

const stripe::EventBody& NewestEvents::Newest(const EventBodies& bodies) const {
  BILLHOOK_CHECK(!positions_.empty());
  if (positions_.size() == 1) return bodies.At(positions_.front());
  std::vector<stripe::Sighting> sightings;
  for (std::int64_t position : positions_) sightings.push_back(bodies.At(position).AsSighting());
  return bodies.At(positions_[stripe::Newest(sightings)]);
}

}  // namespace billhook
