// How events of the read model `customer_timeline` that name no customer get one: from the families that they
// are of, each a charge, payment intent or invoice of which some event names the customer. A pure function of
// a set of rows; thread safe.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "projections/table.h"

namespace billhook::timeline {

// The columns of CustomerTimeline::kTable in its order.
enum : std::size_t {
  kRowKey,
  kTenant,
  kEventId,
  kLivemode,
  kAccount,
  kCustomer,       // null while no event of its families names one
  kNamesCustomer,  // whether the event itself does
  kOccurredAt,
  kPhase,
  // The families that the event is of, each the key of a charge, payment intent or invoice, or null: its own
  // object, and what that belongs to. The nearest family that has a customer gives it to the event, the first
  // of those that are equally near.
  kOwnKey,
  kLinkKey,
  kSecondLinkKey,
  kBody
};
constexpr std::array<std::size_t, 3> kFamilies = {kOwnKey, kLinkKey, kSecondLinkKey};

// How far from its own families an event looks for a customer: a hop leads from one family of an event that
// names none to its others. A refund gets from its charge to the payment intent, and on to the invoice that
// is paid by it.
constexpr int kMaxHops = 2;

// nullptr where the column is null.
const std::string* TextIn(const Row& row, std::size_t column);
bool NamesCustomer(const Row& row);

// Gives each of `waiting`, which name no customer, the one that the rows tell; those that it changed. `rows`
// are all that these can look at, themselves among them, by row key.
std::vector<Row*> GiveCustomers(std::map<std::string, Row>& rows, std::vector<Row*> waiting);

}  // namespace billhook::timeline
