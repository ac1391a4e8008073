#include "projections/subscription_events.h"

#include "projections/projection.h"

namespace billhook {

std::string SubscriptionKey(const stripe::EventBody& body, const std::string& subscription_id) {
  return JoinKey({body.tenant, body.livemode ? "live" : "test", body.account, subscription_id});
}

bool TellsOfSubscription(const Event& event) {
  return event.source == Source::kStripe && event.event_type.starts_with("customer.subscription.");
}

Result<SubscriptionEvent, std::string> ReadSubscriptionEvent(const RecordedEvent& recorded) {
  Result<stripe::EventBody, std::string> body = stripe::ReadEventBody(recorded, "subscription");
  if (!body) return Unexpected(body.error());
  Result<stripe::Subscription, std::string> subscription = stripe::DecodeSubscription(body->object);
  if (!subscription) return Unexpected(subscription.error());
  return SubscriptionEvent{*std::move(body), *std::move(subscription)};
}

void MakeDeleted(stripe::Subscription& subscription) {
  subscription.status = "canceled";
  subscription.mrr = 0;
}

}  // namespace billhook
