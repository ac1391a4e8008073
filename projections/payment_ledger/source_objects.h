// The ledger's memory: a row for each source object that its events told of. Turns rows into objects and
// back. Pure.
#pragma once

#include <string>

#include "projections/newest_events.h"
#include "projections/payment_ledger/entries.h"
#include "projections/table.h"

namespace billhook::ledger {

extern const Table kObjectsTable;

// Test and live data never mix, nor do accounts or tenants: everything the ledger relates lies within one
// scope.
struct Scope {
  std::string tenant;
  bool livemode = false;
  std::string account;  // empty without Connect

  [[nodiscard]] std::string Key(std::string_view kind, std::string_view id) const;
};

// A source object with its bookkeeping.
struct KnownObject {
  Scope scope;
  SourceObject object;
  NewestEvents newest;          // the events that tell its newest state
  NewestEvents newest_listing;  // those that tell its newest state with balance transactions in full

  [[nodiscard]] std::string Key() const { return scope.Key(NameOf(object.state.kind), object.state.id); }
  // Where its payment is booked: under its intent, or for a charge without one under itself. Charges only.
  [[nodiscard]] std::string PaymentKey() const;
  // The key of the charge that a refund or dispute names, empty without one.
  [[nodiscard]] std::string ChargeKey() const;
};

Row RowOf(const KnownObject& known);
KnownObject KnownObjectFrom(const Row& row);

}  // namespace billhook::ledger
