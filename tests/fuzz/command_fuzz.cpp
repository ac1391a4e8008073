// Commands as callers send them: validation as the bus does it, decision, and the events applied to the
// state, to the ledger and to the balances. Input: a line a command, its type, a blank and its data.
#include "domain/aggregates.h"
#include "domain/check.h"
#include "projections/account_balance.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "service/bus/chain.h"
#include "service/commands/command_type.h"
#include "tests/fuzz/fold.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT

namespace {

// A command on its way along the chain, as far as its validation.
struct Sent {
  using Outcome = std::optional<Refusal>;
  static constexpr std::string_view kKind = "command";
  static constexpr std::string_view kData = "/data";

  const commands::CommandType* type;
  Json command;
  std::vector<InputFault> faults{};

  [[nodiscard]] const Json& data() const { return command; }
  [[nodiscard]] Outcome Refuse(Refusal refusal) const { return refusal; }
};

void CheckRefusal(const Refusal& refusal) {
  BILLHOOK_CHECK(refusal.code == "command_invalid");
  BILLHOOK_CHECK(!refusal.errors.empty() && refusal.errors.size() <= kMaxInputFaults);
  for (const InputFault& fault : refusal.errors)
    BILLHOOK_CHECK(fault.pointer.starts_with("/data") && !fault.detail.empty());
}

RecordedEvent AsRecorded(const DecidedEvent& decided, std::string_view type, std::size_t number) {
  RecordedEvent recorded;
  recorded.event.id = "00000000-0000-7000-8000-000000000000";
  recorded.event.tenant = "default";
  recorded.event.aggregate_type = type;
  recorded.event.aggregate_id = "one";
  recorded.event.event_type = decided.event_type;
  recorded.event.source = Source::kCommand;
  recorded.event.payload = decided.data.dump();
  recorded.event.caused_by = "command " + std::to_string(number);
  recorded.version = static_cast<std::int64_t>(number);
  return recorded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = test::AsText(data, size);
  std::map<std::string_view, Json> states;  // by aggregate type, each of one aggregate
  test::Log log;
  for (int i = 0; i < 16 && !text.empty(); ++i) {
    std::string_view line = test::TakeUpTo(text, '\n');
    const commands::CommandType* type = commands::FindCommandType(test::TakeUpTo(line, ' '));
    const Result<Json, std::string> command = ParseJson(line);
    if (type == nullptr || !command) continue;
    Sent sent{type, *command};
    const std::optional<Refusal> refusal = bus::Validated<Sent>(sent, [] { return std::nullopt; });
    if (refusal) CheckRefusal(*refusal);
    const auto* on = std::get_if<commands::OnAggregate>(&type->handler);
    if (refusal || on == nullptr) continue;

    Json& state = states[on->aggregate_type];
    const Decision decision = on->decide(state, *command);
    if (!decision) {
      BILLHOOK_CHECK(!decision.error().code.empty() && !decision.error().detail.empty());
      continue;
    }
    BILLHOOK_CHECK(!decision->empty());
    for (const DecidedEvent& decided : *decision) {
      log.push_back(AsRecorded(decided, on->aggregate_type, log.size() + 1));
      Result<Json, std::string> after = EvolveStrictly(state, log.back().event);
      BILLHOOK_CHECK(after.has_value());  // what is decided can be used
      state = *std::move(after);
      if (state.contains("balance")) BILLHOOK_CHECK(state.at("balance").get<std::int64_t>() >= 0);
    }
  }
  if (log.empty()) return 0;
  static const PaymentLedger kLedger;
  static const AccountBalance kBalance;
  BILLHOOK_CHECK(test::Fold(kLedger, log, log.size()) == test::Fold(kLedger, log, 1));
  BILLHOOK_CHECK(test::Fold(kBalance, log, log.size()) == test::Fold(kBalance, log, 1));
  return 0;
}
