// Which of several events about one object tells its newest state. Stripe delivers late, out of order and
// twice, and `created` has whole seconds, so the choice is a pure function of the set of events: the same for
// every order of arrival. Thread safe.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "domain/json.h"

namespace billhook::stripe {

// A `*.created` event comes before the others of its second, a `*.deleted` event after them.
enum class Phase { kCreated = 0, kChanged = 1, kDeleted = 2 };
Phase PhaseOf(std::string_view event_type);

// Rules 1 and 2: the second in which the event happened, then its phase. Greater is newer.
struct Moment {
  std::int64_t created_s = 0;
  Phase phase = Phase::kCreated;
  auto operator<=>(const Moment&) const = default;  // NOLINT(modernize-use-nullptr)
};

// One event's word on the object. The documents must outlive the call.
struct Sighting {
  std::string_view event_id;
  const Json* object = nullptr;               // data.object
  const Json* previous_attributes = nullptr;  // data.previous_attributes, or nullptr
};

// Whether `later` may be the update that came directly after `earlier`: its previous_attributes are not empty
// and each of them has that very value in `earlier`'s object (a null stands for an absent member too).
bool Follows(const Sighting& later, const Sighting& earlier);

// The same where previous_attributes hold only the changed keys of a hash such as `metadata`, as Stripe lists
// them: hashes are compared by those keys. An event that follows another in full follows none in part.
bool FollowsInPart(const Sighting& later, const Sighting& earlier);

// The index of the newest among the sightings of one object that share a moment (not empty; no event twice),
// by rules 3 to 5: one that nothing follows (when all are followed, all remain), then the highest lifecycle
// rank, then the greatest event ID.
std::size_t Newest(const std::vector<Sighting>& sightings);

// The indices of the sightings from the oldest to the newest: the last is the newest of all, the one before
// it the newest of the rest, and so on. Like Newest, a function of the set, whatever order it is given in.
std::vector<std::size_t> InOrder(const std::vector<Sighting>& sightings);

// How far the object's status stands in its life, 0 and up; -1 for an unknown status or object. Source:
// Stripe's status lifecycles, e.g. docs.stripe.com/billing/invoices/overview and
// docs.stripe.com/payments/paymentintents/lifecycle.
int LifecycleRank(const Json& object);

}  // namespace billhook::stripe
