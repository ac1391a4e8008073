#include "service/commands/bus.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "domain/check.h"
#include "domain/event_store.h"
#include "domain/sha256.h"
#include "domain/stripe/envelope.h"
#include "domain/upcast.h"
#include "service/commands/repository.h"
#include "service/log.h"
#include "service/query/events_query.h"
#include "service/storage/event_log.h"

namespace billhook::commands {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLookAgain{50};  // for commands that other processes run

// Values that documents write alike are one request, whatever blanks were sent.
std::string HashOf(const Command& command) {
  const Json all = {command.type, command.aggregate_id ? Json(*command.aggregate_id) : Json(), command.data,
                    command.expected_version ? Json(*command.expected_version) : Json(), command.metadata};
  return ToHex(Sha256({all.dump()}));
}

std::string TextOf(const Refusal& refusal) {
  Json errors = Json::array();
  for (const InputFault& fault : refusal.errors)
    errors.push_back({{"pointer", fault.pointer}, {"detail", fault.detail}});
  return nlohmann::ordered_json({{"status", refusal.status},
                                 {"code", refusal.code},
                                 {"detail", refusal.detail},
                                 {"errors", errors}})
      .dump();
}

Refusal RefusalFrom(const std::string& text) {
  const Json error = Json::parse(text);
  Refusal refusal{error.at("status"), error.at("code"), error.at("detail")};
  for (const Json& fault : error.at("errors"))
    refusal.errors.push_back({fault.at("pointer"), fault.at("detail")});
  return refusal;
}

const Refusal& Interrupted() {
  static const Refusal kRefusal{503, "interrupted",
                                "The service stopped before the command did anything. Send it again."};
  return kRefusal;
}

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

// The ID of what the command is about, which may stand beside the data or in it; the data then has it too.
std::optional<std::string> SettleId(Command& command, const CommandType& type,
                                    std::vector<InputFault>& faults) {
  const std::string member(type.id_member);
  const auto in_data = command.data.find(member);
  if (in_data == command.data.end()) {
    if (command.aggregate_id) command.data[member] = *command.aggregate_id;
    return command.aggregate_id;
  }
  if (!in_data->is_string()) return std::nullopt;  // the schema says so
  if (command.aggregate_id && *command.aggregate_id != *in_data)
    faults.push_back({"/aggregate_id", "Differs from /data/" + member + "; one of them is enough."});
  if (!stripe::IsIdentifier(in_data->get_ref<const std::string&>()))
    faults.push_back({"/data/" + member, "Must be 1 to 255 characters without control characters."});
  return in_data->get<std::string>();
}

}  // namespace

// A caller that waits for a command in use; there are only so many at a time.
class CommandBus::Waiting {
 public:
  explicit Waiting(CommandBus& bus) : bus_(bus) {
    const std::lock_guard lock(bus_.mutex_);
    allowed_ = bus_.waiters_++ < bus_.options_.max_waiters;
  }
  ~Waiting() {
    const std::lock_guard lock(bus_.mutex_);
    --bus_.waiters_;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  [[nodiscard]] bool allowed() const { return allowed_; }

  // Until a command was closed, or it is time to look whether another process closed it; false once nobody is
  // to wait any more.
  bool WaitALittle() {
    std::unique_lock lock(bus_.mutex_);
    if (!bus_.released_) bus_.closed_.wait_for(lock, kLookAgain);
    return !bus_.released_;
  }

 private:
  CommandBus& bus_;
  bool allowed_ = false;
};

CommandBus::CommandBus(storage::Database& database, ingest::GroupCommit& group_commit, Operations operations,
                       Metrics& metrics, BusOptions options)
    : database_(database),
      group_commit_(group_commit),
      operations_(std::move(operations)),
      metrics_(metrics),
      options_(options),
      log_(database) {}

void CommandBus::CloseAbandoned(bool all) {
  const UnixMicros at = all ? std::numeric_limits<UnixMicros>::max() : operations_.clock();
  std::size_t closed = 0;
  while (const std::size_t some = log_.CloseAbandoned(at, TextOf(Interrupted()))) closed += some;
  if (closed > 0) log::Warn("commands of a process that died were closed", {{"count", closed}});
}

void CommandBus::ReleaseWaiters() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  closed_.notify_all();
}

std::vector<RecordedEvent> CommandBus::EventsOf(const std::string& tenant, const std::string& command_id) {
  storage::Database::Lease session = database_.Acquire(storage::Purpose::kRead);
  return storage::EventsFrom(
      session->Query("SELECT " + storage::kEventColumns +
                         " FROM events WHERE tenant = $1 AND caused_by = $2 AND source <> 'stripe' AND "
                         "source IN ('command', 'saga') ORDER BY position",
                     {tenant, command_id}));
}

Answer CommandBus::AnswerOf(const CommandEntry& known) {
  Answer answer{known.command_id, Json(), {}, known.position.value_or(0)};
  if (known.status == "error") {
    answer.outcome = RefusalFrom(known.error.value());
    return answer;
  }
  answer.outcome = Json::parse(known.result.value());
  answer.events = EventsOf(known.tenant, known.command_id);
  return answer;
}

std::optional<Answer> CommandBus::EnterOrAnswer(CommandEntry& entry) {
  const auto refused = [](const char* code, const char* detail) {
    return Answer{"", Refusal{409, code, detail}, {}, 0};
  };
  const auto deadline = steady_clock::now() + options_.wait_max;
  std::optional<Waiting> waiting;
  while (true) {
    const std::optional<CommandEntry> known = log_.Enter(entry);
    if (!known) return std::nullopt;
    if (known->request_hash != entry.request_hash)
      return refused("idempotency_key_reused", "This Idempotency-Key came with another command before.");
    if (known->status != "pending") return AnswerOf(*known);
    if (known->lease_until < operations_.clock()) {
      CloseAbandoned();
      continue;
    }
    if (!waiting) waiting.emplace(*this);
    if (!waiting->allowed() || steady_clock::now() >= deadline || !waiting->WaitALittle())
      return refused("idempotency_key_in_use", "The first command with this Idempotency-Key still runs.");
    entry.created_at = operations_.clock();
    entry.lease_until = entry.created_at + options_.lease.count();
  }
}

Answer CommandBus::Execute(Command command, const Issuer& issuer,
                           const std::optional<std::string>& idempotency_key) {
  const auto started = steady_clock::now();
  CommandEntry entry;
  entry.created_at = operations_.clock();
  entry.command_id = NewUuidV7(entry.created_at);
  entry.tenant = issuer.tenant;
  entry.command_type = command.type;
  entry.issued_by = issuer.name;
  entry.data = command.data.dump();
  entry.lease_until = entry.created_at + options_.lease.count();
  entry.idempotency_key = idempotency_key;
  entry.request_hash = HashOf(command);
  const CommandType* type = FindCommandType(command.type);
  std::vector<InputFault> faults;
  entry.aggregate_id = type == nullptr ? command.aggregate_id : SettleId(command, *type, faults);

  if (std::optional<Answer> first = EnterOrAnswer(entry)) return *std::move(first);
  Run run = faults.empty() ? RunHandler(command, type, issuer, entry)
                           : Refuse(entry, {422, "command_invalid", "The command is invalid.", faults});
  const auto duration = steady_clock::now() - started;
  if (run.closing) {
    run.closing->duration_us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    log_.Close(entry.command_id, *run.closing);
    closed_.notify_all();
  }
  Report(entry, type, issuer, run, duration);
  return std::move(run.answer);
}

CommandBus::Run CommandBus::Refuse(const CommandEntry& entry, Refusal refusal, bool release_key) const {
  Closing closing{false,      TextOf(refusal), std::nullopt, std::nullopt, entry.idempotency_key.has_value(),
                  release_key};
  return {{entry.command_id, std::move(refusal), {}, 0}, std::move(closing)};
}

CommandBus::Run CommandBus::RunHandler(const Command& command, const CommandType* type, const Issuer& issuer,
                                       const CommandEntry& entry) {
  if (type == nullptr) return Refuse(entry, {422, "command_type_unknown", "There is no such command type."});
  if (issuer.role < type->role)
    return Refuse(entry,
                  {403, "role_too_low", "This needs the role " + std::string(NameOf(type->role)) + "."});
  std::vector<InputFault> faults = type->schema->Check(command.data, "/data");
  if (!faults.empty()) return Refuse(entry, {422, "command_invalid", "The command is invalid.", faults});
  if (const auto* on = std::get_if<OnAggregate>(&type->handler)) {
    return RunOnAggregate(*on, command, issuer, entry);
  }
  if (command.expected_version) {
    return Refuse(entry, {422,
                          "command_invalid",
                          "The command is invalid.",
                          {{"/expected_version", "This command is about no stream."}}});
  }
  Result<Json, Refusal> result = std::get<Operation>(type->handler)(operations_, issuer.tenant, command.data);
  if (!result) return Refuse(entry, result.error());
  const std::int64_t position = query::LatestPosition(database_);
  Closing closing{true, result->dump(), position, std::nullopt, entry.idempotency_key.has_value(), false};
  return {{entry.command_id, *std::move(result), {}, position}, std::move(closing)};
}

CommandBus::Run CommandBus::RunOnAggregate(const OnAggregate& on, const Command& command,
                                           const Issuer& issuer, const CommandEntry& entry) {
  const std::string aggregate_type(on.aggregate_type);
  const std::string& aggregate_id = entry.aggregate_id.value();
  const std::size_t stripe =
      std::hash<std::string>()(issuer.tenant + '\0' + aggregate_type + '\0' + aggregate_id) % streams_.size();
  const std::lock_guard lock(streams_[stripe]);
  std::int64_t version = 0;
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    Aggregate aggregate;
    try {
      aggregate = Load(database_, issuer.tenant, aggregate_type, aggregate_id);
    } catch (const StorageError& error) {
      if (!error.retryable()) throw;
      return Refuse(
          entry, {503, "storage_unavailable", "The database cannot be reached right now. Try again."}, true);
    }
    version = aggregate.version;
    if (command.expected_version && *command.expected_version != version)
      return Refuse(entry, VersionIs(version));
    const Decision decision = on.decide(aggregate.state, command.data);
    if (!decision) return Refuse(entry, FromDomain(decision.error()));
    BILLHOOK_CHECK(!decision->empty());
    bool lost_race = false;
    Run run = Append(on, *decision, version, command, issuer, entry, lost_race);
    if (!lost_race) return run;
  }
  return Refuse(entry, VersionIs(version));
}

CommandBus::Run CommandBus::Append(const OnAggregate& on, const std::vector<DecidedEvent>& decided,
                                   std::int64_t version, const Command& command, const Issuer& issuer,
                                   const CommandEntry& entry, bool& lost_race) {
  const UnixMicros now = operations_.clock();
  AppendRequest request;
  for (const DecidedEvent& event : decided) {
    billhook::Append& append = request.emplace_back();
    append.event.id = NewUuidV7(now);
    append.event.tenant = issuer.tenant;
    append.event.aggregate_type = on.aggregate_type;
    append.event.aggregate_id = entry.aggregate_id.value();
    append.event.event_type = event.event_type;
    append.event.source = issuer.source;
    append.event.schema_version = SchemaVersionOf(on.aggregate_type, event.event_type);
    append.event.payload = event.data.dump();
    append.event.metadata = command.metadata.dump();
    append.event.caused_by = entry.command_id;
    append.event.occurred_at = event.occurred_at.value_or(now);
    append.content = ContentDigest(append.event);
    append.expected_version = version + static_cast<std::int64_t>(request.size()) - 1;
  }
  // Whoever finds the lease run out closes the command: from here on it must hold for the whole append.
  const bool fresh = now - entry.created_at < options_.lease.count() / 8;
  if (!fresh && !log_.Extend(entry.command_id, now + options_.lease.count()))
    return {{entry.command_id, Interrupted(), {}, 0}, std::nullopt};
  const Result<AppendOutcome, ingest::Refusal> outcome = group_commit_.Append(std::move(request));
  if (!outcome) {
    switch (outcome.error()) {
      case ingest::Refusal::kQueueFull:
        return Refuse(entry, {503, "queue_full", "Too many events wait to be recorded. Send it again."},
                      true);
      case ingest::Refusal::kStopping:
        return Refuse(entry, {503, "stopping", "The service is stopping. Send it again."}, true);
      case ingest::Refusal::kRejected:
        return Refuse(entry, {500, "internal_error", ""}, true);
      case ingest::Refusal::kUnavailable:
      case ingest::Refusal::kInDoubt:
        break;
    }
    const Refusal in_doubt{503, "commit_in_doubt",
                           "The command may or may not have happened. Send it again with the same "
                           "Idempotency-Key, or look it up by its command_id."};
    return {{entry.command_id, in_doubt, {}, 0}, std::nullopt};
  }
  lost_race = std::holds_alternative<VersionConflict>(*outcome);
  if (lost_race) return Refuse(entry, VersionIs(std::get<VersionConflict>(*outcome).actual_version));
  const Recorded& recorded = std::get<Recorded>(*outcome);
  const std::string result =
      ResultText(std::string(on.aggregate_type), entry.aggregate_id.value(), recorded.versions.back());
  Closing closing{true, result, recorded.positions.back(), std::nullopt, false, false};
  Answer answer{entry.command_id, Json::parse(result),
                query::ReadRange(database_, recorded.positions.front(), recorded.positions.back()),
                recorded.positions.back()};
  return {std::move(answer), std::move(closing)};
}

void CommandBus::Report(const CommandEntry& entry, const CommandType* type, const Issuer& issuer,
                        const Run& run, std::chrono::nanoseconds duration) {
  const auto* refusal = std::get_if<Refusal>(&run.answer.outcome);
  const std::string_view status = refusal == nullptr       ? "ok"
                                  : refusal->status >= 500 ? "unavailable"
                                                           : "error";
  const std::string_view name = type == nullptr ? std::string_view("unknown") : type->name;
  metrics_.ObserveCommand(name, status, duration);
  log::Info("command", {{"request_id", issuer.request_id},
                        {"command_id", entry.command_id},
                        {"type", name},
                        {"status", status},
                        {"code", refusal == nullptr ? "" : refusal->code}});
}

}  // namespace billhook::commands
