#include "domain/event.h"

#include "domain/check.h"

namespace billhook {
namespace {

// Eight bytes, most significant first: one encoding on every machine.
std::string Encode(std::int64_t number) {
  std::string bytes(8, '\0');
  const auto value = static_cast<std::uint64_t>(number);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (56 - 8 * i));
  return bytes;
}

}  // namespace

std::string_view NameOf(Source source) {
  switch (source) {
    case Source::kStripe:
      return "stripe";
    case Source::kCommand:
      return "command";
    case Source::kSaga:
      return "saga";
    case Source::kApi:
      return "api";
  }
  BILLHOOK_CHECK(false);
}

std::optional<Source> SourceNamed(std::string_view name) {
  for (Source source : kSources) {
    if (NameOf(source) == name) return source;
  }
  return std::nullopt;
}

Digest ContentDigest(const Event& event) {
  std::string
      head;  // all but the payload, each text behind its length, so that no two events share an encoding
  const auto put = [&head](std::string_view text) {
    head += Encode(static_cast<std::int64_t>(text.size()));
    head += text;
  };
  put(event.id);
  put(event.tenant);
  put(event.aggregate_type);
  put(event.aggregate_id);
  put(event.event_type);
  put(NameOf(event.source));
  head += Encode(event.schema_version);
  put(event.metadata);
  head += event.caused_by ? '\1' : '\0';
  put(event.caused_by.value_or(""));
  head += Encode(event.occurred_at);
  head += Encode(static_cast<std::int64_t>(event.payload.size()));
  return Sha256({head, event.payload});
}

Digest ChainDigest(const Digest& previous, const Digest& content, std::int64_t position, std::int64_t version,
                   UnixMicros recorded_at) {
  return Sha256(
      {AsBytes(previous), AsBytes(content), Encode(position), Encode(version), Encode(recorded_at)});
}

Digest ChainDigest(const Digest& previous, const RecordedEvent& recorded) {
  return ChainDigest(previous, ContentDigest(recorded.event), recorded.position, recorded.version,
                     recorded.recorded_at);
}

}  // namespace billhook
