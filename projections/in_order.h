// Objects that each come of one stream, event by event in the order of its versions. A batch mostly brings
// what follows on; where it brings an event when later ones have counted already (a dead letter that is tried
// again), the object is made anew of its whole stream, so that it becomes what it would be had nothing ever
// failed. That reads the stream a run at a time; what follows on reads nothing. Pure, thread safe.
//
// Such an `Object` has
//   std::int64_t version                                of the last event that counted, 0 before the first
//   static bool IsToldBy(const Event&)                  whether it looks at the event at all
//   std::optional<std::string> Take(const RecordedEvent&)  counts it, or tells why it cannot be used
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "projections/projection.h"

namespace billhook {

// By version, why an event cannot be used; nothing: it counts.
using Verdicts = std::map<std::int64_t, std::optional<std::string>>;

// False at the first event that comes late: `object` is of no use any more then.
template <typename Object>
bool FollowOn(Object& object, const std::vector<const RecordedEvent*>& events, Verdicts& verdicts) {
  for (const RecordedEvent* recorded : events) {
    if (recorded->version <= object.version) return false;
    verdicts[recorded->version] = object.Take(*recorded);
  }
  return true;
}

template <typename Object>
Object MadeAnew(const std::vector<const RecordedEvent*>& events, ReadModel& read_model, Verdicts& verdicts) {
  for (const RecordedEvent* recorded : events) verdicts[recorded->version] = "its stream does not hold it";
  const Event& member = events.front()->event;
  Object object;
  std::int64_t version = 0;
  while (true) {
    const std::vector<RecordedEvent> run = read_model.StreamAfter(member, version);
    if (run.empty()) return object;
    for (const RecordedEvent& recorded : run) {
      if (!Object::IsToldBy(recorded.event)) continue;
      std::optional<std::string> reason = object.Take(recorded);
      const auto verdict = verdicts.find(recorded.version);
      if (verdict != verdicts.end()) verdict->second = std::move(reason);
    }
    version = run.back().version;
  }
}

// The object, `known` before, after those events of a batch that tell of it, at least one; nothing if none of
// them counts. Those that cannot be used become dead letters.
template <typename Object>
std::optional<Object> AfterInOrder(Object known, const std::vector<const RecordedEvent*>& events,
                                   ReadModel& read_model, Changes& changes) {
  Verdicts verdicts;
  if (!FollowOn(known, events, verdicts)) known = MadeAnew<Object>(events, read_model, verdicts);
  bool counts = false;
  for (const RecordedEvent* recorded : events) {
    std::optional<std::string>& reason = verdicts.at(recorded->version);
    counts |= !reason;
    if (reason) changes.dead_letters.push_back({recorded, *reason});
  }
  if (!counts) return std::nullopt;
  return known;
}

}  // namespace billhook
