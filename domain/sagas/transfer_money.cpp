#include "domain/sagas/transfer_money.h"

#include "domain/command_fields.h"
#include "domain/prepaid_account.h"
#include "domain/sagas/sequence.h"
#include "domain/stripe/envelope.h"

namespace billhook::sagas {
namespace {

using Kind = CommandRefusal::Kind;

constexpr const char* kName = "TransferMoney";
constexpr const char* kWithdraw = "withdraw";

Attempt Do(Decide decide, const Json& saga, const Json& account) {
  Decision decision = decide(account, {{"amount", saga.at("data").at("amount")}});
  if (!decision) return Unexpected(decision.error());
  return Done{*std::move(decision)};
}

Attempt Withdraw(const Json& saga, const Json& account) {
  Attempt attempt = Do(&prepaid_account::DecideWithdraw, saga, account);
  if (attempt) attempt->result = {{"currency", account.at("currency")}};
  return attempt;
}

Attempt Deposit(const Json& saga, const Json& account) {
  const Json& currency = FindStep(saga, kWithdraw)->at("result").at("currency");
  if (!account.is_null() && account.at("currency") != currency) {
    return Unexpected(
        CommandRefusal{Kind::kConflict, "currency_mismatch", "The accounts have different currencies.", ""});
  }
  return Do(&prepaid_account::DecideDeposit, saga, account);
}

Attempt Refund(const Json& saga, const Json& account) {
  return Do(&prepaid_account::DecideRefund, saga, account);
}

constexpr SequenceStep kSteps[] = {
    {kWithdraw, prepaid_account::kAggregateType, "from_account", &Withdraw, "refund", &Refund},
    {"deposit", prepaid_account::kAggregateType, "to_account", &Deposit}};

Result<DecidedEvent, CommandRefusal> Start(const Json& data, UnixMicros now) {
  const auto refuse = [](const char* pointer, const char* detail) {
    return Unexpected(CommandRefusal{Kind::kInvalid, "saga_invalid", detail, pointer});
  };
  for (const char* member : {"from_account", "to_account"}) {
    if (!stripe::IsIdentifier(TextIn(data, member).value_or("")))
      return refuse(member == std::string_view("from_account") ? "/from_account" : "/to_account",
                    "Must be 1 to 255 characters without control characters.");
  }
  if (data.at("from_account") == data.at("to_account"))
    return refuse("/to_account", "Must be another account than from_account.");
  return Started(kName, data, Status::kRunning, std::nullopt, now);
}

std::optional<Step> Next(const Json& saga, UnixMicros now) {
  return NextIn(kSteps, saga, now);
}

Progress Take(const Json& saga, const Step& step, const Json& aggregate, UnixMicros now) {
  return TakeIn(kSteps, saga, step, aggregate, now);
}

}  // namespace

const SagaType kTransferMoney = {kName, &Start, &Next, &Take};

}  // namespace billhook::sagas
