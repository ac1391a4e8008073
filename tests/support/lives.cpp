#include "tests/support/lives.h"

#include <cstdlib>

#include "domain/check.h"

namespace billhook::test {
namespace {

constexpr std::uint64_t kEventsPerLife = 42;

std::optional<std::uint64_t> NumberFromEnvironment(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text, &end, 10);
  BILLHOOK_CHECK(*text != '\0' && *end == '\0');  // a number, or nothing
  return number;
}

}  // namespace

std::optional<std::uint64_t> SeedFromEnvironment() {
  return NumberFromEnvironment("BILLHOOK_SEED");
}

std::uint64_t LivesFromEnvironment(std::uint64_t otherwise) {
  return NumberFromEnvironment("BILLHOOK_LIVES").value_or(otherwise);
}

RecordedEvent LoggedEvent(const simulate::SimulatedEvent& event) {
  RecordedEvent recorded;
  recorded.event.id = "00000000-0000-7000-8000-000000000000";
  recorded.event.tenant = "default";
  recorded.event.aggregate_type = "object";
  recorded.event.aggregate_id = "id";
  recorded.event.event_type = event.type;
  recorded.event.source = Source::kStripe;
  recorded.event.payload = event.body;
  recorded.event.caused_by = event.id;
  recorded.event.occurred_at = event.created * kMicrosPerSecond;
  recorded.version = 1;
  return recorded;
}

simulate::Truth TruthOf(const simulate::HistoryOptions& options, std::uint64_t count) {
  simulate::History history(options);
  for (std::uint64_t i = 0; i < count; ++i) BILLHOOK_CHECK(history.Next().has_value());
  return history.truth();
}

std::uint64_t EventsOfLives(std::uint64_t lives) {
  return lives * kEventsPerLife;
}

}  // namespace billhook::test
