// Events about subscriptions as every reader of them sees them: what the event says, decoded, or why it
// cannot be used. Pure and thread safe.
#pragma once

#include <string>

#include "domain/event.h"
#include "domain/result.h"
#include "domain/stripe/event_body.h"
#include "domain/stripe/subscription.h"

namespace billhook {

// The key of the subscription that an event is about over all tenants, livemodes and accounts, as in the
// table `subscriptions`.
std::string SubscriptionKey(const stripe::EventBody& body, const std::string& subscription_id);

struct SubscriptionEvent {
  stripe::EventBody body;
  stripe::Subscription subscription;

  [[nodiscard]] std::string Key() const { return SubscriptionKey(body, subscription.id); }
};

// Whether the event is one that Stripe tells of a subscription.
bool TellsOfSubscription(const Event& event);

// The event, or the reason why no read model can use it (quoting nothing of it).
Result<SubscriptionEvent, std::string> ReadSubscriptionEvent(const RecordedEvent& recorded);

// Deletion is final: what is true of a subscription from its deletion on, whatever an event says.
void MakeDeleted(stripe::Subscription& subscription);

}  // namespace billhook
