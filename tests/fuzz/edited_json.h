// JSON documents that a fuzzer can shape: a whole one with members replaced, taken out, put in and moved, as
// the input says. Mutated text is hardly ever JSON; this always is, and stays close to what Stripe sends. One
// thread.
#pragma once

#include <string>

#include <fuzzer/FuzzedDataProvider.h>

#include "domain/json.h"

namespace billhook::test {

// Takes a byte or two off the input for each choice; at most `max_edits` members change.
Json Edited(Json document, FuzzedDataProvider& input, int max_edits);

}  // namespace billhook::test
