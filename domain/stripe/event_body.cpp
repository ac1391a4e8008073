#include "domain/stripe/event_body.h"

#include "domain/stripe/fields.h"

namespace billhook::stripe {
namespace {

Result<EventBody, std::string> BodyOf(const RecordedEvent& recorded, Result<Json, std::string> document,
                                      std::string_view object_type) {
  if (!document) return Unexpected("the payload cannot be read: " + document.error());
  return BodyFrom(recorded, *std::move(document), object_type);
}

}  // namespace

Result<EventBody, std::string> BodyFrom(const RecordedEvent& recorded, Json whole,
                                        std::string_view object_type) {
  Fields event(whole, "event");  // the parts are moved out of it below
  const auto data = whole.find("data");
  if (data == whole.end() || !data->is_object()) {
    return Unexpected(std::string("event.data must be an object"));
  }
  const auto object = data->find("object");
  if (object == data->end() || !object->is_object())
    return Unexpected(std::string("event.data.object must be an object"));
  Fields about(*object, "event.data.object");
  if (about.Text("object") != object_type && !object_type.empty()) {
    return Unexpected("event.data.object must be a " + std::string(object_type));
  }

  EventBody body;
  body.id = recorded.event.caused_by.value_or("");
  body.type = recorded.event.event_type;
  body.tenant = recorded.event.tenant;
  body.position = recorded.position;
  body.moment = {recorded.event.occurred_at / kMicrosPerSecond, PhaseOf(body.type)};
  // An event without `livemode` is as live as its object says.
  body.livemode = event.Find("livemode") != nullptr ? event.Flag("livemode") : about.Flag("livemode");
  body.account = event.ExpandableId("account").value_or("");
  if (!event.ok()) return Unexpected(event.fault());
  if (!about.ok()) return Unexpected(about.fault());
  if (const auto previous = data->find("previous_attributes"); previous != data->end()) {
    if (!previous->is_null() && !previous->is_object()) {
      return Unexpected(std::string("event.data.previous_attributes must be an object"));
    }
    body.previous_attributes = std::move(*previous);
  }
  body.object = std::move(*object);
  return body;
}

Result<EventBody, std::string> ReadEventBody(const RecordedEvent& recorded, std::string_view object_type) {
  return BodyOf(recorded, ParseJson(recorded.event.payload), object_type);
}

Result<EventBody, std::string> ReadEventBody(const RecordedEvent& recorded, MemberFilter wants) {
  return BodyOf(recorded, ParseJson(recorded.event.payload, wants), "");
}

}  // namespace billhook::stripe
