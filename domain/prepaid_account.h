// The aggregate `prepaid_account`: a customer's prepaid balance in minor units of one currency, never
// overdrawn. Its state is {"account_id","owner","currency","balance","status":"open"|"closed"}, null before
// it is created. Decisions and evolution are pure; thread safe.
#pragma once

#include "domain/command.h"

namespace billhook::prepaid_account {

constexpr std::string_view kAggregateType = "prepaid_account";

// CreateAccount {account_id, owner, [initial_balance], [currency]} -> AccountCreated; `already_exists`.
Decision DecideCreate(const Json& state, const Json& command);
// DepositMoney {account_id, amount} -> MoneyDeposited; `account_not_found`, `account_closed`,
// `balance_too_large` beyond int64.
Decision DecideDeposit(const Json& state, const Json& command);
// WithdrawMoney {account_id, amount} -> MoneyWithdrawn; `insufficient_funds` too.
Decision DecideWithdraw(const Json& state, const Json& command);
// {amount} -> MoneyRefunded: gives back what was withdrawn for a transfer that came to nothing. It needs no
// open account: what is left on a closed one stays there, and this would be. `balance_too_large` beyond
// int64.
Decision DecideRefund(const Json& state, const Json& command);
// CloseAccount {account_id} -> AccountClosed. What is left on it stays there, and is told by the event.
Decision DecideClose(const Json& state, const Json& command);

// Holds by itself what the decisions promise: an event that would overdraw an account, deposit into a closed
// one, move another currency or create one twice cannot be used, whoever vouches for it. `event` is in the
// newest form (domain/upcast.h).
Result<Json, std::string> EvolveAccount(const Json& state, std::string_view event_type, const Json& event);

}  // namespace billhook::prepaid_account
