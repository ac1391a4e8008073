// What is appended for an event of Stripe's, however it came: signed to the webhook, or from Stripe's own
// list. Thread safe.
#pragma once

#include <string>
#include <string_view>

#include "domain/event_store.h"
#include "domain/stripe/envelope.h"

namespace billhook::ingest {

// `body` is the event's very text, of which `envelope` was read.
Append StripeAppend(stripe::Envelope envelope, std::string_view body, const std::string& tenant,
                    UnixMicros now, std::string metadata = "{}");

}  // namespace billhook::ingest
