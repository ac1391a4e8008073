// A recorded Stripe snapshot event as projections read it: what it is about, whether it is live, and the
// documents in `data`. Pure and thread safe.
#pragma once

#include <string>

#include "domain/event.h"
#include "domain/json.h"
#include "domain/result.h"
#include "domain/stripe/newest.h"

namespace billhook::stripe {

struct EventBody {
  std::string id;    // Stripe's event ID
  std::string type;  // Stripe's event type
  std::string tenant;
  std::int64_t position = 0;
  Moment moment;
  bool livemode = false;
  std::string account;       // the Connect account, empty for the platform's own
  Json object;               // data.object
  Json previous_attributes;  // null where there are none
  bool brief = false;        // whether the object lacks what no decoder reads (brief_body.h)

  [[nodiscard]] Sighting AsSighting() const { return {id, &object, &previous_attributes}; }
};

// The body that the document of a recorded event tells; `object_type` as below, empty where any will do.
Result<EventBody, std::string> BodyFrom(const RecordedEvent& recorded, Json document,
                                        std::string_view object_type);

// The body of a recorded Stripe event, or the reason why no projection can use it (quoting nothing of it).
// `object_type` is what data.object must be, e.g. "charge".
Result<EventBody, std::string> ReadEventBody(const RecordedEvent& recorded, std::string_view object_type);

// The same about an object of any kind, without the members that `wants` leaves out (domain/json.h).
Result<EventBody, std::string> ReadEventBody(const RecordedEvent& recorded, MemberFilter wants);

}  // namespace billhook::stripe
