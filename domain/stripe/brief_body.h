// The part of a Stripe event that read models are made of, read in one pass that builds little: of the object
// those members that any decoder looks at, and of some of these only what it looks at in them (the lists are
// here); of the rest only that there is nothing wrong with it. Projections share one such body. A decoder
// that begins to read another member needs it in the lists: a test holds what decoders make of the brief
// equal to what they make of the whole. Pure and thread safe.
#pragma once

#include <optional>
#include <string>

#include "domain/stripe/event_body.h"

namespace billhook::stripe {

// Whether what a brief's object has under that key, or has not, is what the whole has.
bool TellsAll(const Json& object, const std::string& member);

// The event's body in brief; `previous_attributes` are whole. Nothing where anything is wrong with the event:
// ReadEventBody says what, or reads it nevertheless.
std::optional<EventBody> ReadBriefBody(const RecordedEvent& recorded);

}  // namespace billhook::stripe
