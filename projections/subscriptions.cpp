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

OrderedJson ItemsBody(const std::vector<stripe::SubscriptionItem>& items) {
  OrderedJson list = OrderedJson::array();
  for (const stripe::SubscriptionItem& item : items) {
    list.push_back({{"id", OrNull(item.id)},
                    {"price", OrNull(item.price)},
                    {"product", OrNull(item.product)},
                    {"quantity", OrNull(item.quantity)},
                    {"unit_amount", OrNull(item.unit_amount)},
                    {"interval", OrNull(item.interval)},
                    {"interval_count", item.interval_count}});
  }
  return list;
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
  return OrderedJson({{"id", subscription.id},
                      {"customer", OrNull(subscription.customer)},
                      {"status", subscription.status},
                      {"livemode", newest.livemode},
                      {"account", AccountOrNull(newest.account)},
                      {"currency", OrNull(subscription.currency)},
                      {"items", ItemsBody(subscription.items)},
                      {"current_period_start", TimeOrNull(subscription.current_period_start)},
                      {"current_period_end", TimeOrNull(subscription.current_period_end)},
                      {"cancel_at", TimeOrNull(subscription.cancel_at)},
                      {"cancel_at_period_end", subscription.cancel_at_period_end},
                      {"canceled_at", TimeOrNull(subscription.canceled_at)},
                      {"trial_start", TimeOrNull(subscription.trial_start)},
                      {"trial_end", TimeOrNull(subscription.trial_end)},
                      {"started_at", TimeOrNull(subscription.started_at)},
                      {"ended_at", TimeOrNull(subscription.ended_at)},
                      {"latest_invoice", OrNull(subscription.latest_invoice)},
                      {"collection_method", OrNull(subscription.collection_method)},
                      {"mrr", OrNull(subscription.mrr)},
                      {"metadata", subscription.metadata},
                      {"updated_by", newest.id},
                      {"updated_at", FormatRfc3339(newest.moment.created_s * kMicrosPerSecond)}})
      .dump();
}

Changes Subscriptions::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  static const ObjectModel kModel = {kTable, "subscription", &Reads, &Judge, &RowOf};
  return ApplyNewest(kModel, batch, read_model);
}

}  // namespace billhook
