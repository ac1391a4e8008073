#include "service/sagas/saga_log.h"

#include "domain/aggregates.h"
#include "domain/check.h"
#include "domain/upcast.h"

namespace billhook::sagas {
namespace {

constexpr int kMaxAttempts = 16;  // of races lost; a saga has few events

}  // namespace

Append AppendOf(const SagaKey& saga, std::string_view aggregate_type, std::string_view aggregate_id,
                const DecidedEvent& decided, std::int64_t expected_version, UnixMicros now) {
  Append append;
  append.event.id = NewUuidV7(now);
  append.event.tenant = saga.tenant;
  append.event.aggregate_type = aggregate_type;
  append.event.aggregate_id = aggregate_id;
  append.event.event_type = decided.event_type;
  append.event.source = Source::kSaga;
  append.event.schema_version = SchemaVersionOf(aggregate_type, decided.event_type);
  append.event.payload = decided.data.dump();
  append.event.caused_by = saga.id;
  append.event.occurred_at = decided.occurred_at.value_or(now);
  append.content = ContentDigest(append.event);
  append.expected_version = expected_version;
  return append;
}

void Evolve(commands::Aggregate& aggregate, const Event& event) {
  Result<Json, std::string> after = EvolveStrictly(aggregate.state, event);
  BILLHOOK_CHECK(after.has_value());  // what is decided can be used
  aggregate.state = *std::move(after);
  ++aggregate.version;
}

SagaLog::SagaLog(storage::Database& database, ingest::GroupCommit& group_commit, Clock clock,
                 OnProgress on_progress)
    : database_(database),
      group_commit_(group_commit),
      clock_(std::move(clock)),
      on_progress_(std::move(on_progress)) {}

commands::Aggregate SagaLog::Load(const SagaKey& saga) const {
  return commands::Load(database_, saga.tenant, std::string(kAggregateType), saga.id);
}

Result<SagaLog::Noted, ingest::Refusal> SagaLog::Record(const SagaKey& saga, const DecideRecord& decide) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    commands::Aggregate aggregate = Load(saga);
    const UnixMicros now = clock_();
    const std::optional<DecidedEvent> decided = decide(aggregate.state, now);
    if (!decided) return Noted{std::move(aggregate.state)};
    const Append append = AppendOf(saga, kAggregateType, saga.id, *decided, aggregate.version, now);
    const Result<AppendOutcome, ingest::Refusal> outcome = group_commit_.Append({append});
    if (!outcome) return Unexpected(outcome.error());
    const auto* recorded = std::get_if<Recorded>(&*outcome);
    if (recorded == nullptr) continue;
    const Json before = aggregate.state;
    Evolve(aggregate, append.event);
    on_progress_(saga, before, aggregate.state);
    return Noted{std::move(aggregate.state), recorded->positions.back()};
  }
  return Unexpected(ingest::Refusal::kUnavailable);
}

}  // namespace billhook::sagas
