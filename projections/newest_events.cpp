#include "projections/newest_events.h"

#include <algorithm>
#include <sstream>

#include "domain/check.h"
#include "domain/stripe/brief_body.h"

namespace billhook {

Result<BodyPtr, std::string> ReadBody(ReadModel& read_model, const RecordedEvent& recorded,
                                      std::string_view object_type) {
  if (BodyPtr brief = read_model.BriefOf(recorded)) {
    if (brief->object.at("object").get_ref<const std::string&>() == object_type) return brief;
  }
  Result<stripe::EventBody, std::string> body = stripe::ReadEventBody(recorded, object_type);
  if (!body) return Unexpected(body.error());
  return BodyPtr(std::make_shared<const stripe::EventBody>(*std::move(body)));
}

const stripe::EventBody& EventBodies::Add(BodyPtr body) {
  const std::int64_t position = body->position;
  return *bodies_.emplace(position, std::move(body)).first->second;
}

const stripe::EventBody& EventBodies::At(std::int64_t position) const {
  const auto body = bodies_.find(position);
  BILLHOOK_CHECK(body != bodies_.end());
  return *body->second;
}

// Whether what came before is told by a member that an object in brief does not have, or not all of.
bool EventBodies::NeedsWhole(const std::vector<std::int64_t>& group) const {
  if (group.size() < 2) return false;
  const auto any = [&group](const auto& is_so) { return std::any_of(group.begin(), group.end(), is_so); };
  const auto lacks = [this](std::int64_t position, const std::string& member) {
    const stripe::EventBody& body = At(position);
    return body.brief && !stripe::TellsAll(body.object, member);
  };
  return any([&](std::int64_t later) {
    const Json& previous = At(later).previous_attributes;
    if (!previous.is_object()) return false;
    const auto members = previous.items();
    return std::any_of(members.begin(), members.end(), [&](const auto& member) {
      return any([&](std::int64_t earlier) { return lacks(earlier, member.key()); });
    });
  });
}

void EventBodies::Load(const std::vector<std::vector<std::int64_t>>& groups) {
  std::vector<std::int64_t> missing;
  for (const std::vector<std::int64_t>& group : groups) {
    for (std::int64_t position : group) {
      if (bodies_.count(position) == 0) missing.push_back(position);
    }
  }
  for (const RecordedEvent& recorded : read_model_.EventsAt(missing)) {
    Result<BodyPtr, std::string> body =
        ReadBody(read_model_, recorded, object_type_of_(recorded.event.event_type));
    BILLHOOK_CHECK(body.has_value());  // it was usable when it was taken in
    Add(*std::move(body));
  }
  std::vector<std::int64_t> brief;
  for (const std::vector<std::int64_t>& group : groups) {
    if (!NeedsWhole(group)) continue;
    for (std::int64_t position : group) {
      if (At(position).brief) brief.push_back(position);
    }
  }
  for (const RecordedEvent& recorded : read_model_.EventsAt(brief)) {
    Result<stripe::EventBody, std::string> whole =
        stripe::ReadEventBody(recorded, object_type_of_(recorded.event.event_type));
    BILLHOOK_CHECK(whole.has_value());  // nothing is wrong with what has a brief
    bodies_[recorded.position] = std::make_shared<const stripe::EventBody>(*std::move(whole));
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
