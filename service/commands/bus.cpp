#include "service/commands/bus.h"

#include <chrono>

#include "domain/sha256.h"
#include "domain/stripe/envelope.h"
#include "service/log.h"
#include "service/query/events_query.h"

namespace billhook::commands {
namespace {

// Values that documents write alike are one request, whatever blanks were sent.
std::string HashOf(const Command& command) {
  const Json id = command.aggregate_id ? Json(*command.aggregate_id) : Json();
  const Json version = command.expected_version ? Json(*command.expected_version) : Json();
  // As the text of one array, for which no document is made.
  return ToHex(Sha256({"[", Json(command.type).dump(), ",", id.dump(), ",", command.data.dump(), ",",
                       version.dump(), ",", command.metadata.dump(), "]"}));
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

// From outside inwards. What the inner steps refuse is audited and reported, and is the answer to the same
// key again.
const bus::Step<CommandCall> CommandBus::kChain[] = {
    &CommandBus::Audited,           // audit log and idempotency
    &CommandBus::Reported,          // log line with the request ID, metrics
    &bus::Known<CommandCall>,       // its type is registered
    &bus::Authorised<CommandCall>,  // role
    &bus::Validated<CommandCall>,   // JSON Schema
    &CommandBus::Handled,           // decides over an aggregate, or operates
};

Answer CommandBus::Execute(Command command, const Issuer& issuer,
                           const std::optional<std::string>& idempotency_key) {
  CommandCall call{*this, std::move(command), issuer, nullptr};
  call.type = FindCommandType(call.command.type);
  call.entry.tenant = issuer.tenant;
  call.entry.command_type = call.command.type;
  call.entry.issued_by = issuer.name;
  call.entry.data = call.command.data.dump();
  call.entry.idempotency_key = idempotency_key;
  call.entry.request_hash = HashOf(call.command);
  call.entry.aggregate_id =
      call.type == nullptr ? call.command.aggregate_id : SettleId(call.command, *call.type, call.faults);
  return bus::Pass<CommandCall>(call, kChain).answer;
}

Run CommandBus::Audited(CommandCall& call, const Next& next) {
  return call.bus.audit_.Around(call, next);
}

Run CommandBus::Reported(CommandCall& call, const Next& next) {
  const auto started = std::chrono::steady_clock::now();
  Run run = next();
  const auto* refusal = std::get_if<Refusal>(&run.answer.outcome);
  const std::string_view status = refusal == nullptr       ? "ok"
                                  : refusal->status >= 500 ? "unavailable"
                                                           : "error";
  const std::string_view name = call.type == nullptr ? std::string_view("unknown") : call.type->name;
  call.bus.metrics_.ObserveCommand(name, status, std::chrono::steady_clock::now() - started);
  log::Info("command", {{"request_id", call.issuer.request_id},
                        {"command_id", call.entry.command_id},
                        {"type", name},
                        {"status", status},
                        {"code", refusal == nullptr ? "" : refusal->code}});
  return run;
}

Run CommandBus::Handled(CommandCall& call, const Next&) {
  CommandBus& bus = call.bus;
  if (const auto* on = std::get_if<OnAggregate>(&call.type->handler))
    return bus.aggregates_.Handle(*on, call);
  if (call.command.expected_version) {
    return call.Refuse({422,
                        "command_invalid",
                        "The command is invalid.",
                        {{"/expected_version", "This command is about no stream."}}});
  }
  const auto operation = std::get<Operation>(call.type->handler);
  Result<Json, Refusal> result = operation(bus.operations_, call.issuer.tenant, call.command.data);
  if (!result) return call.Refuse(result.error());
  const std::int64_t position = query::LatestPosition(bus.operations_.database);
  Closing closing{true, result->dump(), position, std::nullopt, call.entry.idempotency_key.has_value(),
                  false};
  return {{call.entry.command_id, *std::move(result), {}, position}, std::move(closing)};
}

}  // namespace billhook::commands
