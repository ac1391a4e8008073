// Events as callers post them, read into appends: every fault is told at once with its JSON pointer, and each
// payload is the text that was sent. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "domain/event_store.h"
#include "domain/json.h"
#include "domain/result.h"
#include "service/http/api.h"

namespace billhook::http {

constexpr std::size_t kMaxPostedEvents = 1'000;

// One event or {"events":[...]}, to be recorded all or none, as source `api`. `text` is the body's.
Result<AppendRequest, std::vector<InputError>> PostedEvents(const Json& body, std::string_view text,
                                                            const Caller& caller, UnixMicros now);

// {"stripe_events":[...]}: whole Stripe events as they would have come, each a request of its own.
Result<std::vector<AppendRequest>, std::vector<InputError>> PostedStripeEvents(const Json& body,
                                                                               std::string_view text,
                                                                               const Caller& caller,
                                                                               UnixMicros now);

// {"events":[...],"position":...} of the events in order; `more` are further members, with a leading comma.
Response EventsRecorded(const std::vector<RecordedEvent>& events, std::int64_t position,
                        const std::string& more = "");
Response VersionConflictProblem(const VersionConflict& conflict);

}  // namespace billhook::http
