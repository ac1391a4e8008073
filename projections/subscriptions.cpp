#include "projections/subscriptions.h"

#include "domain/check.h"
#include "domain/stripe/subscription.h"
#include "projections/body_json.h"
#include "projections/newest_object.h"
#include "projections/subscription_events.h"

namespace billhook {

const Table Subscriptions::kTable =
    NewestObjectTable("subscriptions", {{"status"}, {"customer"}, {"prices"}});

namespace {

bool Reads(std::string_view event_type) {
  return event_type.starts_with("customer.subscription.");
}

Result<ObjectSighting, std::string> Judge(const Json& object) {
  const Result<stripe::Subscription, std::string> decoded = stripe::DecodeSubscription(object);
  if (!decoded) return Unexpected(decoded.error());
  return ObjectSighting{decoded->id};
}

void WriteItems(JsonWriter& body, const std::vector<stripe::SubscriptionItem>& items) {
  body.BeginList("items");
  for (const stripe::SubscriptionItem& item : items) {
    body.Begin();
    body.Field("id", item.id);
    body.Field("price", item.price);
    body.Field("product", item.product);
    body.Field("quantity", item.quantity);
    body.Field("unit_amount", item.unit_amount);
    body.Field("interval", item.interval);
    body.Field("interval_count", item.interval_count);
    body.End();
  }
  body.EndList();
}

// The prices in a form that a filter can look into: each between two separators.
std::string PricesText(const std::vector<stripe::SubscriptionItem>& items) {
  std::string text = "\x1f";
  for (const stripe::SubscriptionItem& item : items) {
    if (item.price) text += *item.price + "\x1f";
  }
  return text;
}

ObjectRow RowOf(const stripe::EventBody& newest, bool deleted) {
  Result<stripe::Subscription, std::string> decoded = stripe::DecodeSubscription(newest.object);
  BILLHOOK_CHECK(decoded.has_value());  // unusable events are never taken in
  stripe::Subscription subscription = *std::move(decoded);
  if (deleted) MakeDeleted(subscription);
  return {subscription.id,
          {subscription.status, subscription.customer ? Cell(*subscription.customer) : Cell(),
           PricesText(subscription.items)},
          SubscriptionBody(subscription, newest)};
}

}  // namespace

std::string SubscriptionBody(const stripe::Subscription& subscription, const stripe::EventBody& newest) {
  JsonWriter body;
  body.Begin();
  body.Field("id", subscription.id);
  body.Field("customer", subscription.customer);
  body.Field("status", subscription.status);
  body.Field("livemode", newest.livemode);
  AccountField(body, newest.account);
  body.Field("currency", subscription.currency);
  WriteItems(body, subscription.items);
  TimeField(body, "current_period_start", subscription.current_period_start);
  TimeField(body, "current_period_end", subscription.current_period_end);
  TimeField(body, "cancel_at", subscription.cancel_at);
  body.Field("cancel_at_period_end", subscription.cancel_at_period_end);
  TimeField(body, "canceled_at", subscription.canceled_at);
  TimeField(body, "trial_start", subscription.trial_start);
  TimeField(body, "trial_end", subscription.trial_end);
  TimeField(body, "started_at", subscription.started_at);
  TimeField(body, "ended_at", subscription.ended_at);
  body.Field("latest_invoice", subscription.latest_invoice);
  body.Field("collection_method", subscription.collection_method);
  body.Field("mrr", subscription.mrr);
  body.Literal("metadata", subscription.metadata.dump());
  body.Field("updated_by", newest.id);
  TimeField(body, "updated_at", newest.moment.created_s);
  body.End();
  return body.TakeText();
}

Changes Subscriptions::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  static const ObjectModel kModel = {kTable, "subscription", &Reads, &Judge, &RowOf};
  return ApplyNewest(kModel, batch, read_model);
}

}  // namespace billhook
