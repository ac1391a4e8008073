#include "projections/payment_ledger/sightings.h"

#include <algorithm>
#include <tuple>

#include "domain/json.h"
#include "domain/json_writer.h"
#include "projections/projection.h"

namespace billhook::ledger {

using stripe::MoneyKind;
using stripe::MoneyObject;

const Table kSightingsTable = {"ledger_sightings",
                               {{"row_key"},
                                {"object_key"},
                                {"parent_key"},
                                {"position", ColumnType::kInteger},
                                {"recorded_at", ColumnType::kInteger},
                                {"facts"}}};

namespace {

template <typename T>
std::optional<T> Maybe(const Json& value) {
  return value.is_null() ? std::nullopt : std::optional<T>(value.get<T>());
}

// The facts as an array rather than an object: they are written and read for every event.
std::string FactsText(const Sighting& sighting) {
  const MoneyObject& state = sighting.state;
  JsonWriter facts;
  facts.BeginList();
  facts.Value(NameOf(state.kind));
  facts.Value(state.id);
  facts.Value(state.amount);
  facts.Value(state.captured);
  facts.Value(state.refunded);
  facts.Value(state.currency);
  facts.Value(state.status);
  facts.Value(state.customer);
  facts.Value(state.payment_intent);
  facts.Value(state.charge);
  facts.Value(state.invoice);
  facts.Value(state.created_s);
  facts.BeginList();
  for (const stripe::BalanceTransaction& transaction : state.balance_transactions) {
    facts.BeginList();
    facts.Value(transaction.id);
    facts.Value(transaction.amount);
    facts.Value(transaction.fee);
    facts.Value(transaction.currency);
    facts.Value(transaction.created_s);
    facts.EndList();
  }
  facts.EndList();
  facts.Value(sighting.moment.created_s);
  facts.Value(static_cast<int>(sighting.moment.phase));
  facts.Value(sighting.rank);
  facts.Value(sighting.event_id);
  facts.Value(sighting.funds_withdrawn);
  facts.Value(sighting.funds_reinstated);
  facts.EndList();
  return facts.TakeText();
}

const std::string& TextIn(const Row& row, std::string_view column) {
  return std::get<std::string>(row[kSightingsTable.IndexOf(column)]);
}

std::int64_t IntegerIn(const Row& row, std::string_view column) {
  return std::get<std::int64_t>(row[kSightingsTable.IndexOf(column)]);
}

}  // namespace

std::string Scope::Key(std::string_view kind, std::string_view id) const {
  return JoinKey({tenant, livemode ? "live" : "test", account, kind, id});
}

std::string Scope::ParentKeyOf(const MoneyObject& object) const {
  const auto key_of = [this](MoneyKind kind, const std::optional<std::string>& id) {
    return id ? Key(NameOf(kind), *id) : std::string();
  };
  switch (object.kind) {
    case MoneyKind::kCharge:
      return key_of(MoneyKind::kPaymentIntent, object.payment_intent);
    case MoneyKind::kInvoicePayment:
      if (!object.charge && !object.payment_intent) return key_of(MoneyKind::kInvoice, object.invoice);
      [[fallthrough]];
    case MoneyKind::kRefund:
    case MoneyKind::kDispute:
      return object.charge ? key_of(MoneyKind::kCharge, object.charge)
                           : key_of(MoneyKind::kPaymentIntent, object.payment_intent);
    case MoneyKind::kPaymentIntent:
    case MoneyKind::kPayout:
    case MoneyKind::kInvoice:
      return "";
  }
  return "";
}

const std::vector<stripe::BalanceTransaction>& SourceObject::balance_transactions() const {
  static const std::vector<stripe::BalanceTransaction> kNone;
  return listing == nullptr ? kNone : listing->state.balance_transactions;
}

void SightedObject::Add(Sighting sighting) {
  const auto newer = [](const stripe::Moment& moment, const Sighting& one) { return moment < one.moment; };
  sightings.insert(std::upper_bound(sightings.begin(), sightings.end(), sighting.moment, newer),
                   std::move(sighting));
}

std::pair<std::size_t, std::size_t> SightedObject::RangeOf(const stripe::Moment& moment) const {
  const auto older = [](const Sighting& one, const stripe::Moment& at) { return one.moment < at; };
  const auto newer = [](const stripe::Moment& at, const Sighting& one) { return at < one.moment; };
  const auto first = std::lower_bound(sightings.begin(), sightings.end(), moment, older);
  const auto last = std::upper_bound(first, sightings.end(), moment, newer);
  return {first - sightings.begin(), last - sightings.begin()};
}

std::optional<SourceObject> SightedObject::At(std::int64_t created_s) const {
  SourceObject object;
  for (const Sighting& sighting : sightings) {
    if (sighting.moment.created_s > created_s) break;
    object.newest = &sighting;
    if (!sighting.state.balance_transactions.empty()) object.listing = &sighting;
    object.funds_withdrawn |= sighting.funds_withdrawn;
    object.funds_reinstated |= sighting.funds_reinstated;
  }
  if (object.newest == nullptr) return std::nullopt;
  const auto first_with = [&](std::int64_t MoneyObject::*amount) {
    const auto level = std::find_if(sightings.begin(), sightings.end(), [&](const Sighting& sighting) {
      return sighting.state.*amount >= object.state().*amount;
    });
    return level->moment.created_s;
  };
  object.refunded_at_s = first_with(&MoneyObject::refunded);
  object.received_at_s = first_with(&MoneyObject::amount);
  return object;
}

Row RowOf(const Sighting& sighting, const Scope& scope) {
  return {JoinKey({scope.tenant, sighting.event_id}),
          scope.Key(NameOf(sighting.state.kind), sighting.state.id),
          sighting.parent_key.empty() ? Cell() : Cell(sighting.parent_key),
          sighting.position,
          sighting.recorded_at,
          FactsText(sighting)};
}

const std::string& ObjectKeyOf(const Row& row) {
  return TextIn(row, "object_key");
}

Sighting SightingFrom(const Row& row) {
  const Json facts = Json::parse(TextIn(row, "facts"));
  std::size_t next = 0;
  const auto take = [&]() -> const Json& { return facts.at(next++); };
  Sighting sighting;
  MoneyObject& state = sighting.state;
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
  take().get_to(sighting.moment.created_s);
  sighting.moment.phase = static_cast<stripe::Phase>(take().get<int>());
  take().get_to(sighting.rank);
  take().get_to(sighting.event_id);
  take().get_to(sighting.funds_withdrawn);
  take().get_to(sighting.funds_reinstated);
  const Cell& parent = row[kSightingsTable.IndexOf("parent_key")];
  if (const auto* key = std::get_if<std::string>(&parent)) sighting.parent_key = *key;
  sighting.position = IntegerIn(row, "position");
  sighting.recorded_at = IntegerIn(row, "recorded_at");
  return sighting;
}

}  // namespace billhook::ledger
