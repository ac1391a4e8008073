// The envelope of a verified Stripe event: the few members that say which event this is and what it is about,
// read in one pass over the bytes without building a document. What stands deeper is the projections' affair.
// Pure and thread safe.
#pragma once

#include <string>
#include <string_view>

#include "domain/result.h"
#include "domain/time.h"

namespace billhook::stripe {

struct Envelope {
  std::string id;              // Stripe's event ID
  std::string type;            // Stripe's event type
  UnixMicros occurred_at = 0;  // Stripe's `created`
  std::string aggregate_type;  // data.object.object, v2: related_object.type; else the event's own `object`
  std::string aggregate_id;    // data.object.id, v2: related_object.id; else the event's own ID
};

// The envelope, or the reason why the body is no Stripe event (quoting nothing of it). Refused: anything but
// one valid JSON object in UTF-8 without BOM, at most 512 deep; a key of the outermost object twice; `id` or
// `type` not a string of 1 to 255 characters without control characters or lone surrogates; `created` not an
// integer from 0 to 253402300799 (v1 snapshot events) or RFC 3339 (v2 thin events). When the object inside
// cannot be named (no ID, as in invoice.upcoming; a repeated `object` or `id`; an unusable ID), the event
// itself is the aggregate.
Result<Envelope, std::string> ReadEnvelope(std::string_view body);

// Whether the text can name something: 1 to 255 characters of UTF-8 without control characters.
bool IsIdentifier(std::string_view text);

}  // namespace billhook::stripe
