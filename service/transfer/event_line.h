// One event of the log as a line of JSON, and back: what `export` writes and `import` reads. The names and
// their order are those of the HTTP API; `payload` is a JSON string of the exact text, `metadata` the exact
// text itself (a JSON string of it, should it ever span lines), and the times tell every microsecond, so that
// a line holds all that its checksum covers. Pure and thread safe.
#pragma once

#include <string>
#include <string_view>

#include "domain/event.h"
#include "domain/result.h"

namespace billhook::transfer {

// Without the line's end. The event's texts must be valid UTF-8, as all are that billhook has recorded.
std::string EventLine(const RecordedEvent& recorded);

// The event, or why the line tells none (quoting nothing of it). Whether its checksum is right is for the
// caller, who knows the event before it.
Result<RecordedEvent, std::string> ReadEventLine(std::string_view line);

}  // namespace billhook::transfer
