// The aggregate `ledger`: payments and adjustments that people book by hand, each once by its ID. A stream
// holds what was booked under one ID: {"manual_payment":{...},"adjustment":{...}}, either may be absent.
// Decisions and evolution are pure; thread safe.
#pragma once

#include "domain/command.h"

namespace billhook::ledger_commands {

constexpr std::string_view kAggregateType = "ledger";
constexpr const char* kManualPaymentRecorded = "ManualPaymentRecorded";
constexpr const char* kLedgerAdjusted = "LedgerAdjusted";

// RecordManualPayment {payment_id, amount, currency, [customer, reference, occurred_at, livemode]} ->
// ManualPaymentRecorded; `already_exists`.
Decision DecideRecordManualPayment(const Json& state, const Json& command);
// AdjustLedger {adjustment_id, amount (signed), currency, reason, [customer, livemode]} -> LedgerAdjusted;
// `already_exists`.
Decision DecideAdjustLedger(const Json& state, const Json& command);

// What a booking's event says. A booking without a usable ID, amount or currency is nothing.
struct Booking {
  bool is_adjustment = false;
  std::string id;
  std::int64_t amount = 0;  // of a payment positive, of an adjustment signed and not 0
  std::string currency;
  std::optional<std::string> customer;
  bool livemode = true;
};
std::optional<Booking> ReadBooking(std::string_view event_type, const Json& event);

Result<Json, std::string> EvolveLedger(const Json& state, std::string_view event_type, const Json& event);

}  // namespace billhook::ledger_commands
