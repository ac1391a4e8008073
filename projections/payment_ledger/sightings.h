// The ledger's memory: what each event told of a source object. A row of `ledger_sightings` is one event's
// word; an object's state at any time is a function of the sightings up to that time, so the newest state,
// what was true on a day, and what was known on a day all come from the same rows. Values; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/stripe/money_object.h"
#include "domain/stripe/newest.h"
#include "domain/time.h"
#include "projections/table.h"

namespace billhook::ledger {

extern const Table kSightingsTable;

// Test and live data never mix, nor do accounts or tenants: everything the ledger relates lies within one
// scope.
struct Scope {
  std::string tenant;
  bool livemode = false;
  std::string account;  // empty without Connect

  [[nodiscard]] std::string Key(std::string_view kind, std::string_view id) const;
  // The key of the object that this one belongs to, empty without one: a charge belongs to its payment
  // intent, a refund or dispute to its charge (or to the intent where it names no charge), an invoice payment
  // to the intent or charge that it allots to an invoice (or to the invoice itself where the money came
  // beside Stripe). So objects make trees.
  [[nodiscard]] std::string ParentKeyOf(const stripe::MoneyObject& object) const;
};

struct Sighting {
  stripe::MoneyObject state;
  std::string parent_key;
  stripe::Moment moment;
  std::int64_t rank = 0;  // among the sightings of the same object and moment, as InOrder puts them
  std::string event_id;
  std::int64_t position = 0;
  UnixMicros recorded_at = 0;
  bool funds_withdrawn = false;  // whether the event says so of a dispute
  bool funds_reinstated = false;
};

// What a set of sightings tells of their object. Looks at them: they must outlive it.
struct SourceObject {
  const Sighting* newest = nullptr;
  const Sighting* listing = nullptr;  // the newest with balance transactions in full, or nullptr
  // The first second from which on the charge is known to have had as much refunded as now, and the payment
  // intent as much received.
  std::int64_t refunded_at_s = 0;
  std::int64_t received_at_s = 0;
  bool funds_withdrawn = false;
  bool funds_reinstated = false;

  [[nodiscard]] const stripe::MoneyObject& state() const { return newest->state; }
  [[nodiscard]] const std::vector<stripe::BalanceTransaction>& balance_transactions() const;
};

// One object with its sightings, from the oldest to the newest. An object without any is one that others name
// before it has arrived.
struct SightedObject {
  std::string key;
  std::vector<Sighting> sightings;

  // Puts the sighting behind those that are not newer.
  void Add(Sighting sighting);
  // The range of those that share the moment.
  [[nodiscard]] std::pair<std::size_t, std::size_t> RangeOf(const stripe::Moment& moment) const;
  // As told by the events that happened up to the end of this second; nothing if there are none.
  [[nodiscard]] std::optional<SourceObject> At(std::int64_t created_s) const;
};

Row RowOf(const Sighting& sighting, const Scope& scope);
// The key of the object that the row is about.
const std::string& ObjectKeyOf(const Row& row);
Sighting SightingFrom(const Row& row);

}  // namespace billhook::ledger
