// Brings a Stripe object of any API version into the newest shape, so that a decoder reads only that one. One
// table holds every step: the next breaking release is one entry there and one fixture in tests/fixtures.
// The original stays as it is, since previous_attributes are compared with it: only members that a step
// changes are copied, and an object of the newest shape costs no copy. Nothing is refused here: what has the
// wrong type is left, or moved as it is, for the decoder to refuse. Pure and thread safe.
#pragma once

#include <span>
#include <string_view>

#include "domain/json.h"

namespace billhook::stripe {

// An object with some members put in place of its own. The original must outlive it.
class Overlay {
 public:
  explicit Overlay(const Json& original) : original_(&original) {}

  // nullptr when the member is absent or null.
  [[nodiscard]] const Json* Find(const char* key) const;
  void Put(const char* key, Json value) { changes_[key] = std::move(value); }
  // The member as a copy of our own, to be changed in place. It must be there.
  Json& Own(const char* key);

  [[nodiscard]] const Json& original() const { return *original_; }
  [[nodiscard]] const Json& changes() const { return changes_; }  // null when there are none

 private:
  const Json* original_;
  Json changes_ = nullptr;
};

// One step. The shape decides whether it runs, never the event's api_version: that may be null, and one event
// may hold objects of several versions.
struct Upcaster {
  std::string_view object;  // Stripe's object name
  // The API release that moved it; where Stripe added the new form without one, the first release that
  // surely has it.
  std::string_view release;
  std::string_view what;
  bool (*is_old)(const Overlay& object);
  void (*renew)(Overlay& object);  // afterwards is_old is false
};

// Sorted by object, then release: the order in which the steps of an object run.
std::span<const Upcaster> Upcasters();

// The object in the newest shape. `name` is Stripe's object name, e.g. "subscription".
Overlay Upcast(std::string_view name, const Json& object);

}  // namespace billhook::stripe
