// Tells events: wraps an object's rendering into Stripe's event envelope in one life's API version and hands
// it to the World. Events of one scene share one API request (ByRequest), or have none (Automatically). Not
// thread safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "service/simulate/api_version.h"
#include "service/simulate/render.h"
#include "service/simulate/world.h"

namespace billhook::simulate {

// What an event of that type makes known about the object in it.
Fact FactAbout(std::string_view type, const Subscription& subscription);
Fact FactAbout(std::string_view type, const Invoice& invoice);
Fact FactAbout(std::string_view type, const Customer& customer);
template <typename Object>
Fact FactAbout(std::string_view, const Object&) {
  return {};
}

class Teller {
 public:
  Teller(World& world, ApiVersion version) : world_(world), version_(version) {}

  World& world() { return world_; }
  Random& random() { return world_.random(); }
  [[nodiscard]] std::int64_t now() const { return world_.now(); }
  [[nodiscard]] ApiVersion version() const { return version_; }

  // The account moves to a newer API version: later events have its shapes.
  void Upgrade(ApiVersion version) { version_ = version; }

  // What follows in this scene comes of one API call, or of Stripe's own doing.
  void ByRequest();
  void Automatically();

  template <typename Object>
  void Tell(std::string_view type, const Object& object, std::int64_t delay_s = 0) {
    TellTwins<Object>(type, object, nullptr, delay_s);
  }

  // With `previous_attributes`: what `before` had otherwise.
  template <typename Object>
  void TellChange(std::string_view type, const Object& before, const Object& after,
                  std::int64_t delay_s = 0) {
    TellTwins<Object>(type, after, &before, delay_s);
  }

 private:
  template <typename Object>
  void TellTwins(std::string_view type, const Object& object, const Object* before, std::int64_t delay_s) {
    // Now and then Stripe makes two events of one thing.
    const int copies = random().Below(kOneTwinIn) == 0 ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      const Rendering rendering{version_, world_.livemode()};
      std::string id = world_.EventId(delay_s);
      JsonWriter& json = world_.Paper();
      OpenEnvelope(json, id, world_.now() + delay_s);
      Write(json, object, rendering);
      if constexpr (requires { WriteChanges(json, object, object, rendering); }) {
        if (before != nullptr) {
          json.Begin("previous_attributes");
          WriteChanges(json, *before, object, rendering);
          json.End();
        }
      }
      CloseEnvelope(json, type);
      world_.Publish(std::move(id), type, delay_s, FactAbout(type, object));
    }
  }

  void OpenEnvelope(JsonWriter& json, const std::string& id, std::int64_t created);
  void CloseEnvelope(JsonWriter& json, std::string_view type);

  static constexpr std::uint64_t kOneTwinIn = 250;

  World& world_;
  ApiVersion version_;
  std::string request_id_;
  std::string idempotency_key_;
};

}  // namespace billhook::simulate
