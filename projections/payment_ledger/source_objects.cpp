#include "projections/payment_ledger/source_objects.h"

#include "domain/check.h"
#include "domain/json.h"

namespace billhook::ledger {

using stripe::MoneyKind;
using stripe::MoneyObject;

const Table kObjectsTable = {
    "ledger_objects",
    {{"row_key"}, {"payment_key"}, {"charge_key"}, {"newest"}, {"newest_listing"}, {"facts"}}};

namespace {

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <typename T>
std::optional<T> Maybe(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

// The facts as an array rather than an object: they are written and read for every event.
std::string FactsText(const KnownObject& known) {
  const MoneyObject& state = known.object.state;
  Json transactions = Json::array();
  for (const stripe::BalanceTransaction& transaction : state.balance_transactions) {
    transactions.push_back({transaction.id, transaction.amount, transaction.fee, transaction.currency,
                            OrNull(transaction.created_s)});
  }
  return Json({known.scope.tenant,
               known.scope.livemode,
               known.scope.account,
               NameOf(state.kind),
               state.id,
               state.amount,
               state.captured,
               state.refunded,
               state.currency,
               state.status,
               OrNull(state.customer),
               OrNull(state.payment_intent),
               OrNull(state.charge),
               OrNull(state.invoice),
               OrNull(state.created_s),
               std::move(transactions),
               known.object.moment.created_s,
               static_cast<int>(known.object.moment.phase),
               known.object.event_id,
               known.object.funds_withdrawn,
               known.object.funds_reinstated})
      .dump();
}

void ReadFacts(const std::string& text, KnownObject& known) {
  const Json facts = Json::parse(text);
  std::size_t next = 0;
  const auto take = [&]() -> const Json& { return facts.at(next++); };
  MoneyObject& state = known.object.state;
  take().get_to(known.scope.tenant);
  take().get_to(known.scope.livemode);
  take().get_to(known.scope.account);
  state.kind = stripe::MoneyKindNamed(take().get<std::string>()).value();
  take().get_to(state.id);
  take().get_to(state.amount);
  take().get_to(state.captured);
  take().get_to(state.refunded);
  take().get_to(state.currency);
  take().get_to(state.status);
  state.customer = Maybe<std::string>(take());
  state.payment_intent = Maybe<std::string>(take());
  state.charge = Maybe<std::string>(take());
  state.invoice = Maybe<std::string>(take());
  state.created_s = Maybe<std::int64_t>(take());
  for (const Json& transaction : take()) {
    state.balance_transactions.push_back({transaction.at(0), transaction.at(1), transaction.at(2),
                                          transaction.at(3), Maybe<std::int64_t>(transaction.at(4))});
  }
  take().get_to(known.object.moment.created_s);
  known.object.moment.phase = static_cast<stripe::Phase>(take().get<int>());
  take().get_to(known.object.event_id);
  take().get_to(known.object.funds_withdrawn);
  take().get_to(known.object.funds_reinstated);
}

Cell TextOrNull(std::string text) {
  return text.empty() ? Cell() : Cell(std::move(text));
}

}  // namespace

std::string Scope::Key(std::string_view kind, std::string_view id) const {
  return JoinKey({tenant, livemode ? "live" : "test", account, kind, id});
}

std::string KnownObject::PaymentKey() const {
  if (object.state.kind != MoneyKind::kCharge) return "";
  if (object.state.payment_intent)
    return scope.Key(NameOf(MoneyKind::kPaymentIntent), *object.state.payment_intent);
  return Key();
}

std::string KnownObject::ChargeKey() const {
  const bool has_charge = object.state.kind == MoneyKind::kRefund || object.state.kind == MoneyKind::kDispute;
  return has_charge && object.state.charge ? scope.Key(NameOf(MoneyKind::kCharge), *object.state.charge) : "";
}

Row RowOf(const KnownObject& known) {
  return {known.Key(),           TextOrNull(known.PaymentKey()), TextOrNull(known.ChargeKey()),
          known.newest.ToText(), known.newest_listing.ToText(),  FactsText(known)};
}

KnownObject KnownObjectFrom(const Row& row) {
  KnownObject known;
  known.newest = NewestEvents(std::get<std::string>(row[kObjectsTable.IndexOf("newest")]));
  known.newest_listing = NewestEvents(std::get<std::string>(row[kObjectsTable.IndexOf("newest_listing")]));
  ReadFacts(std::get<std::string>(row[kObjectsTable.IndexOf("facts")]), known);
  return known;
}

}  // namespace billhook::ledger
