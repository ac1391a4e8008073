// The source objects that one payment (or one invoice paid beside Stripe, one payout ...) brings together: a
// tree by parent key. What a family books at a time is a pure function of the sightings up to that time.
// Looks at its objects: they must outlive it. Thread safe.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "projections/payment_ledger/entries.h"
#include "projections/payment_ledger/sightings.h"

namespace billhook::ledger {

class Family {
 public:
  // Complete: every object that another names as its parent is a member, if only by its key.
  explicit Family(std::vector<const SightedObject*> members);

  // The entries that each member owns, in the members' order, as told by the events up to the end of this
  // second. A payment is owned by its intent, arrived or not, or by a charge without one.
  [[nodiscard]] std::vector<Entries> EntriesAt(std::int64_t created_s) const;

  [[nodiscard]] const std::vector<const SightedObject*>& members() const { return members_; }
  // The seconds from `from_s` on in which something happened to a member, ascending.
  [[nodiscard]] std::vector<std::int64_t> SecondsFrom(std::int64_t from_s) const;

 private:
  std::vector<const SightedObject*> members_;
  std::unordered_map<std::string, std::size_t> index_;  // by key
};

}  // namespace billhook::ledger
