#include "domain/ledger.h"

#include <limits>

#include "domain/command_fields.h"

namespace billhook::ledger_commands {
namespace {

using Kind = CommandRefusal::Kind;

Unexpected<CommandRefusal> RefuseField(std::string pointer, std::string detail) {
  return Unexpected(CommandRefusal{Kind::kInvalid, "command_invalid", std::move(detail), std::move(pointer)});
}

const char* MemberFor(bool is_adjustment) {
  return is_adjustment ? "adjustment" : "manual_payment";
}

// What both bookings have in common: the command's data with nothing left to guess.
Decision Decide(const Json& state, const Json& command, const char* event_type, const char* id_key) {
  Json data = command;
  if (!data.contains("livemode")) data["livemode"] = true;
  const std::optional<std::string> currency = CurrencyIn(command, "currency");
  if (!currency) return RefuseField("/currency", "Must be three letters.");
  data["currency"] = *currency;
  const std::optional<std::string> occurred = TextIn(command, "occurred_at");
  const std::optional<UnixMicros> occurred_at = occurred ? ParseRfc3339(*occurred) : std::nullopt;
  if (occurred && !occurred_at) return RefuseField("/occurred_at", "Must be a time as in RFC 3339.");
  const std::optional<Booking> booking = ReadBooking(event_type, data);
  if (!booking) return RefuseField("/amount", "Must be an integer that can be booked.");
  if (state.is_object() && state.contains(MemberFor(booking->is_adjustment))) {
    return Unexpected(CommandRefusal{Kind::kConflict, "already_exists",
                                     "Something is booked already under this " + std::string(id_key) + ".",
                                     ""});
  }
  return std::vector<DecidedEvent>{{event_type, std::move(data), occurred_at}};
}

}  // namespace

Decision DecideRecordManualPayment(const Json& state, const Json& command) {
  return Decide(state, command, kManualPaymentRecorded, "payment_id");
}

Decision DecideAdjustLedger(const Json& state, const Json& command) {
  return Decide(state, command, kLedgerAdjusted, "adjustment_id");
}

std::optional<Booking> ReadBooking(std::string_view event_type, const Json& event) {
  Booking booking;
  booking.is_adjustment = event_type == kLedgerAdjusted;
  if (!booking.is_adjustment && event_type != kManualPaymentRecorded) return std::nullopt;
  const std::optional<std::string> id = TextIn(event, booking.is_adjustment ? "adjustment_id" : "payment_id");
  const std::optional<std::int64_t> amount = IntegerIn(event, "amount");
  const std::optional<std::string> currency = CurrencyIn(event, "currency");
  // The least int64 has no counter-posting.
  if (!id || !amount || !currency || *amount == 0 || *amount == std::numeric_limits<std::int64_t>::min())
    return std::nullopt;
  if (!booking.is_adjustment && *amount < 0) return std::nullopt;
  const bool livemode_bad = event.contains("livemode") && !BooleanIn(event, "livemode");
  const bool customer_bad =
      event.contains("customer") && !event.at("customer").is_null() && !TextIn(event, "customer");
  if (livemode_bad || customer_bad) return std::nullopt;
  booking.id = *id;
  booking.amount = *amount;
  booking.currency = *currency;
  booking.customer = TextIn(event, "customer");
  booking.livemode = BooleanIn(event, "livemode").value_or(true);
  return booking;
}

Result<Json, std::string> EvolveLedger(const Json& state, std::string_view event_type, const Json& event) {
  const std::optional<Booking> booking = ReadBooking(event_type, event);
  if (!booking) return Unexpected<std::string>("the booking's ID, amount or currency cannot be used");
  Json after = state.is_null() ? Json::object() : state;
  const auto [at, inserted] = after.emplace(MemberFor(booking->is_adjustment), event);
  if (!inserted) return Unexpected<std::string>("something is booked already under this ID");
  return after;
}

}  // namespace billhook::ledger_commands
