#include "domain/prepaid_account.h"

#include "domain/command_fields.h"
#include "domain/money.h"

namespace billhook::prepaid_account {
namespace {

constexpr const char* kDefaultCurrency = "usd";
constexpr const char* kMoneyRefunded = "MoneyRefunded";
using Kind = CommandRefusal::Kind;

Unexpected<CommandRefusal> Refuse(Kind kind, std::string code, std::string detail, std::string pointer = "") {
  return Unexpected(CommandRefusal{kind, std::move(code), std::move(detail), std::move(pointer)});
}

Unexpected<CommandRefusal> RefuseField(std::string pointer, std::string detail) {
  return Refuse(Kind::kInvalid, "command_invalid", std::move(detail), std::move(pointer));
}

std::int64_t BalanceOf(const Json& state) {
  return state.at("balance").get<std::int64_t>();
}

// Why nothing can be done with the account now; nothing if it is open.
std::optional<CommandRefusal> NotOpen(const Json& state) {
  if (state.is_null())
    return CommandRefusal{Kind::kNotFound, "account_not_found", "There is no such account.", ""};
  if (state.at("status") != "open")
    return CommandRefusal{Kind::kConflict, "account_closed", "The account is closed.", ""};
  return std::nullopt;
}

// The balance after a movement, or the refusal.
Result<std::int64_t, CommandRefusal> Moved(const Json& state, Int128 movement) {
  const Int128 after = BalanceOf(state) + movement;
  if (after < 0) return Refuse(Kind::kConflict, "insufficient_funds", "The balance is less than the amount.");
  const std::optional<std::int64_t> narrow = Narrow(after);
  if (!narrow) return Refuse(Kind::kConflict, "balance_too_large", "The balance would be beyond 64 bits.");
  return *narrow;
}

// What cannot be done to an account in this state; a refund needs none that is open.
std::optional<CommandRefusal> NotMovable(const Json& state, std::string_view event_type) {
  if (event_type == kMoneyRefunded && !state.is_null()) return std::nullopt;
  return NotOpen(state);
}

Decision DecideMovement(const Json& state, const Json& command, const char* event_type, int sign) {
  const std::optional<std::int64_t> amount = IntegerIn(command, "amount");
  if (!amount || *amount <= 0) return RefuseField("/amount", "Must be a positive integer.");
  if (std::optional<CommandRefusal> refusal = NotMovable(state, event_type))
    return Unexpected(*std::move(refusal));
  const Result<std::int64_t, CommandRefusal> balance = Moved(state, Int128{*amount} * sign);
  if (!balance) return Unexpected(balance.error());
  return std::vector<DecidedEvent>{{event_type,
                                    {{"account_id", state.at("account_id")},
                                     {"amount", *amount},
                                     {"currency", state.at("currency")},
                                     {"balance", *balance}},
                                    std::nullopt}};
}

Result<Json, std::string> Created(const Json& state, const Json& event) {
  if (!state.is_null()) return Unexpected<std::string>("the account exists already");
  const std::optional<std::string> id = TextIn(event, "account_id");
  const std::optional<std::string> owner = TextIn(event, "owner");
  const std::optional<std::int64_t> balance = IntegerIn(event, "initial_balance");
  const std::optional<std::string> currency = CurrencyIn(event, "currency");
  if (!id || !owner || !balance || *balance < 0 || !currency)
    return Unexpected<std::string>("the account's ID, owner, balance or currency cannot be used");
  return Json{{"account_id", *id},
              {"owner", *owner},
              {"currency", *currency},
              {"balance", *balance},
              {"status", "open"}};
}

Result<Json, std::string> AfterMovement(const Json& state, const Json& event, int sign) {
  const std::optional<std::int64_t> amount = IntegerIn(event, "amount");
  if (!amount || *amount <= 0) return Unexpected<std::string>("the amount is no positive integer");
  const Result<std::int64_t, CommandRefusal> balance = Moved(state, Int128{*amount} * sign);
  if (!balance) return Unexpected<std::string>("the balance would be below zero or beyond 64 bits");
  Json after = state;
  after["balance"] = *balance;
  return after;
}

}  // namespace

Decision DecideCreate(const Json& state, const Json& command) {
  const std::optional<std::string> id = TextIn(command, "account_id");
  const std::optional<std::string> owner = TextIn(command, "owner");
  if (!id) return RefuseField("/account_id", "Must be a string.");
  if (!owner) return RefuseField("/owner", "Must be a string.");
  const std::int64_t balance = IntegerIn(command, "initial_balance").value_or(0);
  if (balance < 0) return RefuseField("/initial_balance", "Must not be negative.");
  const std::optional<std::string> currency = command.contains("currency")
                                                  ? CurrencyIn(command, "currency")
                                                  : std::optional<std::string>(kDefaultCurrency);
  if (!currency) return RefuseField("/currency", "Must be three letters.");
  if (!state.is_null()) return Refuse(Kind::kConflict, "already_exists", "The account exists already.");
  return std::vector<DecidedEvent>{
      {"AccountCreated",
       {{"account_id", *id}, {"owner", *owner}, {"initial_balance", balance}, {"currency", *currency}},
       std::nullopt}};
}

Decision DecideDeposit(const Json& state, const Json& command) {
  return DecideMovement(state, command, "MoneyDeposited", 1);
}

Decision DecideWithdraw(const Json& state, const Json& command) {
  return DecideMovement(state, command, "MoneyWithdrawn", -1);
}

Decision DecideRefund(const Json& state, const Json& command) {
  return DecideMovement(state, command, kMoneyRefunded, 1);
}

Decision DecideClose(const Json& state, const Json&) {
  if (std::optional<CommandRefusal> refusal = NotOpen(state)) return Unexpected(*std::move(refusal));
  return std::vector<DecidedEvent>{{"AccountClosed",
                                    {{"account_id", state.at("account_id")},
                                     {"currency", state.at("currency")},
                                     {"balance", BalanceOf(state)}},
                                    std::nullopt}};
}

Result<Json, std::string> EvolveAccount(const Json& state, std::string_view event_type, const Json& event) {
  if (event_type == "AccountCreated") return Created(state, event);
  const bool known = event_type == "MoneyDeposited" || event_type == "MoneyWithdrawn" ||
                     event_type == kMoneyRefunded || event_type == "AccountClosed";
  if (!known) return Unexpected<std::string>("an account knows no event of this type");
  if (NotMovable(state, event_type)) return Unexpected<std::string>("there is no such open account");
  if (CurrencyIn(event, "currency") != state.at("currency").get<std::string>())
    return Unexpected<std::string>("the currency is not the account's");
  if (event_type != "AccountClosed")
    return AfterMovement(state, event, event_type == "MoneyWithdrawn" ? -1 : 1);
  Json after = state;
  after["status"] = "closed";
  return after;
}

}  // namespace billhook::prepaid_account
