#include "service/ingest/stripe_append.h"

namespace billhook::ingest {

Append StripeAppend(stripe::Envelope envelope, std::string_view body, const std::string& tenant,
                    UnixMicros now, std::string metadata) {
  Append append;
  Event& event = append.event;
  event.id = NewUuidV7(now);
  event.tenant = tenant;
  event.aggregate_type = std::move(envelope.aggregate_type);
  event.aggregate_id = std::move(envelope.aggregate_id);
  event.event_type = std::move(envelope.type);
  event.source = Source::kStripe;
  event.payload = body;
  event.metadata = std::move(metadata);
  event.caused_by = std::move(envelope.id);
  event.occurred_at = envelope.occurred_at;
  append.content = ContentDigest(event);
  return append;
}

}  // namespace billhook::ingest
