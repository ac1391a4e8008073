// An event: an immutable fact in the log. `Event` is what is said (known before it has a place),
// `RecordedEvent` adds the place it got. The checksums chain the log: each covers every stored field and the
// checksum before it. Values; thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/sha256.h"
#include "domain/time.h"

namespace billhook {

// Who vouches for an event. Stripe read models are made from kStripe alone.
enum class Source { kStripe, kCommand, kSaga, kApi };
inline constexpr Source kSources[] = {Source::kStripe, Source::kCommand, Source::kSaga, Source::kApi};

// "stripe", "command", "saga", "api".
std::string_view NameOf(Source source);
std::optional<Source> SourceNamed(std::string_view name);

struct Event {
  std::string id;  // UUID
  std::string tenant;
  std::string aggregate_type;
  std::string aggregate_id;
  std::string event_type;
  Source source = Source::kApi;
  int schema_version = 1;
  std::string payload;                   // JSON text; a Stripe event byte for byte as received
  std::string metadata = "{}";           // JSON text
  std::optional<std::string> caused_by;  // Stripe's event ID, or the command's ID
  UnixMicros occurred_at = 0;
};

// SHA-256 over every field of the event, each with its length. Computed before the event has a place, so that
// the one writer of the log hashes a few dozen bytes an event and not its payload.
Digest ContentDigest(const Event& event);

struct RecordedEvent {
  Event event;
  std::int64_t position = 0;  // 1, 2, 3 ... over the whole log, in commit order
  std::int64_t version = 0;   // 1, 2, 3 ... within the stream
  UnixMicros recorded_at = 0;
  Digest checksum{};
};

// The checksum before position 1: all zeros.
constexpr Digest kGenesis{};

// The checksum of the event that stands at `position` behind an event with the checksum `previous`.
Digest ChainDigest(const Digest& previous, const Digest& content, std::int64_t position, std::int64_t version,
                   UnixMicros recorded_at);

// The same over a recorded event, all of it computed anew.
Digest ChainDigest(const Digest& previous, const RecordedEvent& recorded);

}  // namespace billhook
