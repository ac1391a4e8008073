#include "domain/upcast.h"

namespace billhook {
namespace {

void PutIfAbsent(Json& data, const char* key, Json value) {
  if (!data.contains(key)) data[key] = std::move(value);
}

void TellOpening(const Json&, Json& data) {
  PutIfAbsent(data, "initial_balance", 0);
  PutIfAbsent(data, "currency", "usd");
}

// Until then a movement was in the account's currency whether or not it said so.
void TellCurrency(const Json& state, Json& data) {
  if (state.is_object()) PutIfAbsent(data, "currency", state.at("currency"));
}

constexpr EventUpcaster kUpcasters[] = {
    {"prepaid_account", "AccountClosed", 1, "+ currency, of the balance that stays", &TellCurrency},
    {"prepaid_account", "AccountCreated", 1, "initial_balance and currency are always there", &TellOpening},
    {"prepaid_account", "MoneyDeposited", 1, "currency is always there", &TellCurrency},
    {"prepaid_account", "MoneyWithdrawn", 1, "currency is always there", &TellCurrency},
};

bool IsOf(const EventUpcaster& upcaster, std::string_view aggregate_type, std::string_view event_type) {
  return upcaster.event_type == event_type && upcaster.aggregate_type == aggregate_type;
}

}  // namespace

std::span<const EventUpcaster> EventUpcasters() {
  return kUpcasters;
}

int SchemaVersionOf(std::string_view aggregate_type, std::string_view event_type) {
  int version = 1;
  for (const EventUpcaster& upcaster : kUpcasters) {
    if (IsOf(upcaster, aggregate_type, event_type)) version = upcaster.from + 1;
  }
  return version;
}

bool IsOfALaterBillhook(const Event& event) {
  return event.schema_version > SchemaVersionOf(event.aggregate_type, event.event_type);
}

Result<Json, std::string> ReadData(const Event& event, const Json& state) {
  if (IsOfALaterBillhook(event)) return Unexpected<std::string>("a later version of billhook has written it");
  Result<Json, std::string> data = ParseJson(event.payload);
  if (!data) return Unexpected(data.error());
  if (!data->is_object()) return Unexpected<std::string>("the event's data is no object");
  for (const EventUpcaster& upcaster : kUpcasters) {
    if (upcaster.from >= event.schema_version && IsOf(upcaster, event.aggregate_type, event.event_type))
      upcaster.renew(state, *data);
  }
  return data;
}

}  // namespace billhook
