#include "service/commands/aggregate_handler.h"

#include <functional>

#include "domain/check.h"
#include "domain/event_store.h"
#include "domain/upcast.h"
#include "service/commands/repository.h"
#include "service/query/events_query.h"

namespace billhook::commands {
namespace {

Refusal FromDomain(const CommandRefusal& refusal) {
  switch (refusal.kind) {
    case CommandRefusal::Kind::kNotFound:
      return {404, refusal.code, refusal.detail};
    case CommandRefusal::Kind::kConflict:
      return {409, refusal.code, refusal.detail};
    case CommandRefusal::Kind::kInvalid:
      break;
  }
  return {422, refusal.code, "The command is invalid.", {{"/data" + refusal.pointer, refusal.detail}}};
}

Refusal VersionIs(std::int64_t version) {
  return {409, "version_conflict", "The stream stands at version " + std::to_string(version) + "."};
}

AppendRequest RequestOf(const OnAggregate& on, const std::vector<DecidedEvent>& decided, std::int64_t version,
                        const CommandCall& call, UnixMicros now) {
  AppendRequest request;
  for (const DecidedEvent& event : decided) {
    billhook::Append& append = request.emplace_back();
    append.event.id = NewUuidV7(now);
    append.event.tenant = call.issuer.tenant;
    append.event.aggregate_type = on.aggregate_type;
    append.event.aggregate_id = call.entry.aggregate_id.value();
    append.event.event_type = event.event_type;
    append.event.source = call.issuer.source;
    append.event.schema_version = SchemaVersionOf(on.aggregate_type, event.event_type);
    append.event.payload = event.data.dump();
    append.event.metadata = call.command.metadata.dump();
    append.event.caused_by = call.entry.command_id;
    append.event.occurred_at = event.occurred_at.value_or(now);
    append.content = ContentDigest(append.event);
    append.expected_version = version + static_cast<std::int64_t>(request.size()) - 1;
  }
  return request;
}

Run NotAppended(ingest::Refusal why, const CommandCall& call) {
  switch (why) {
    case ingest::Refusal::kQueueFull:
      return call.Refuse({503, "queue_full", "Too many events wait to be recorded. Send it again."}, true);
    case ingest::Refusal::kStopping:
      return call.Refuse({503, "stopping", "The service is stopping. Send it again."}, true);
    case ingest::Refusal::kRejected:
      return call.Refuse({500, "internal_error", ""}, true);
    case ingest::Refusal::kUnavailable:
    case ingest::Refusal::kInDoubt:
      break;
  }
  const Refusal in_doubt{503, "commit_in_doubt",
                         "The command may or may not have happened. Send it again with the same "
                         "Idempotency-Key, or look it up by its command_id."};
  return {{call.entry.command_id, in_doubt, {}, 0}, std::nullopt};
}

}  // namespace

Run AggregateHandler::Handle(const OnAggregate& on, const CommandCall& call) {
  const std::string aggregate_type(on.aggregate_type);
  const std::string& aggregate_id = call.entry.aggregate_id.value();
  const std::string& tenant = call.issuer.tenant;
  const std::size_t stripe =
      std::hash<std::string>()(tenant + '\0' + aggregate_type + '\0' + aggregate_id) % streams_.size();
  const std::lock_guard lock(streams_[stripe]);
  std::int64_t version = 0;
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    Aggregate aggregate;
    try {
      aggregate = Load(database_, tenant, aggregate_type, aggregate_id);
    } catch (const StorageError& error) {
      if (!error.retryable()) throw;
      return call.Refuse({503, "storage_unavailable", "The database cannot be reached right now. Try again."},
                         true);
    }
    version = aggregate.version;
    const std::optional<std::int64_t>& expected = call.command.expected_version;
    if (expected && *expected != version) return call.Refuse(VersionIs(version));
    const Decision decision = on.decide(aggregate.state, call.command.data);
    if (!decision) return call.Refuse(FromDomain(decision.error()));
    BILLHOOK_CHECK(!decision->empty());
    if (std::optional<Run> run = Append(on, *decision, version, call)) return *std::move(run);
  }
  return call.Refuse(VersionIs(version));
}

std::optional<Run> AggregateHandler::Append(const OnAggregate& on, const std::vector<DecidedEvent>& decided,
                                            std::int64_t version, const CommandCall& call) {
  const CommandEntry& entry = call.entry;
  const UnixMicros now = clock_();
  // Whoever finds the lease run out closes the command: from here on it must hold for the whole append.
  const UnixMicros lease = options_.lease.count();
  const bool fresh = now - entry.created_at < lease / 8;
  if (!fresh && !log_.Extend(entry.command_id, now + lease))
    return Run{{entry.command_id, Interrupted(), {}, 0}, std::nullopt};
  const Result<AppendOutcome, ingest::Refusal> outcome =
      group_commit_.Append(RequestOf(on, decided, version, call, now));
  if (!outcome) return NotAppended(outcome.error(), call);
  if (std::holds_alternative<VersionConflict>(*outcome)) return std::nullopt;
  const Recorded& recorded = std::get<Recorded>(*outcome);
  const std::string result =
      ResultText(std::string(on.aggregate_type), entry.aggregate_id.value(), recorded.versions.back());
  Closing closing{true, result, recorded.positions.back(), std::nullopt, false, false};
  Answer answer{entry.command_id, Json::parse(result),
                query::ReadRange(database_, recorded.positions.front(), recorded.positions.back()),
                recorded.positions.back()};
  return Run{std::move(answer), std::move(closing)};
}

}  // namespace billhook::commands
