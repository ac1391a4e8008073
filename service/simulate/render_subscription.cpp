#include "service/simulate/render.h"
#include "service/simulate/render_changes.h"

namespace billhook::simulate {
namespace {

void WriteItem(JsonWriter& json, const SubscriptionItem& item, const Subscription& subscription,
               const Rendering& rendering) {
  json.Begin();
  json.Field("id", item.id);
  json.Field("object", "subscription_item");
  json.Nulls("billing_thresholds");
  json.Field("created", item.created);
  if (HasBasilShapes(rendering.version)) {
    const bool own_period = item.period_end != 0;
    json.Field("current_period_end", own_period ? item.period_end : subscription.period_end);
    json.Field("current_period_start", own_period ? item.period_start : subscription.period_start);
  }
  if (rendering.version >= ApiVersion::k20240620) json.EmptyList("discounts");
  json.EmptyObject("metadata");
  json.Key("plan");
  WritePlan(json, *item.price, rendering);
  if (HasPrices(rendering.version)) {
    json.Key("price");
    Write(json, *item.price, rendering);
  }
  if (!IsMetered(*item.price)) json.Field("quantity", item.quantity);
  json.Field("subscription", subscription.id);
  json.EmptyList("tax_rates");
  json.End();
}

// The plan and quantity of the single item, as they stand on the subscription itself.
void WritePlanAndQuantity(JsonWriter& json, const Subscription& subscription, const Rendering& rendering) {
  if (subscription.items.size() > 1) return json.Nulls("plan", "quantity");
  json.Key("plan");
  WritePlan(json, *subscription.items.front().price, rendering);
  json.Field("quantity", subscription.items.front().quantity);
}

void WriteItems(JsonWriter& json, const Subscription& subscription, const Rendering& rendering) {
  json.BeginList("data");
  for (const SubscriptionItem& item : subscription.items) WriteItem(json, item, subscription, rendering);
  json.EndList();
}

void WritePauseCollection(JsonWriter& json, const std::string& behavior) {
  if (behavior.empty()) return json.Nulls("pause_collection");
  json.Begin("pause_collection");
  json.Field("behavior", behavior);
  json.Nulls("resumes_at");
  json.End();
}

void WriteSettings(JsonWriter& json, const Rendering& rendering) {
  json.Begin("invoice_settings");
  json.Nulls("account_tax_ids");
  json.Begin("issuer");
  json.Field("type", "self");
  json.End();
  json.End();
  json.Begin("payment_settings");
  json.Nulls("payment_method_options", "payment_method_types");
  if (rendering.version > ApiVersion::k20200827) json.Field("save_default_payment_method", "off");
  json.End();
}

}  // namespace

void Write(JsonWriter& json, const Subscription& subscription, const Rendering& rendering) {
  const ApiVersion version = rendering.version;
  json.Begin();
  json.Field("id", subscription.id);
  json.Field("object", "subscription");
  if (version > ApiVersion::k20200827) json.Nulls("application");
  json.Nulls("application_fee_percent");
  json.Begin("automatic_tax");
  if (HasBasilShapes(version)) json.Nulls("disabled_reason");
  json.Field("enabled", false);
  if (version >= ApiVersion::k20240620) json.Nulls("liability");
  json.End();
  json.Field("billing_cycle_anchor",
             subscription.trial_end != 0 ? subscription.trial_end : subscription.created);
  if (version >= ApiVersion::k20240620) json.Nulls("billing_cycle_anchor_config");
  if (!HasPrices(version)) json.Field("billing", subscription.collection_method);
  if (HasFlexibleBilling(version)) {
    json.Begin("billing_mode");
    json.Nulls("flexible");
    json.Field("type", subscription.billing_mode == BillingMode::kFlexible ? "flexible" : "classic");
    json.End();
  }
  json.Nulls("billing_thresholds");
  json.OptionalTime("cancel_at", subscription.cancel_at);
  json.Field("cancel_at_period_end", subscription.cancel_at_period_end);
  json.OptionalTime("canceled_at", subscription.canceled_at);
  if (version > ApiVersion::k20200827) {
    json.Begin("cancellation_details");
    json.Nulls("comment");
    json.Optional("feedback", subscription.cancellation_feedback);
    json.Optional("reason", subscription.cancellation_reason);
    json.End();
  }
  if (HasPrices(version)) json.Field("collection_method", subscription.collection_method);
  json.Field("created", subscription.created);
  if (version > ApiVersion::k20200827) json.Field("currency", subscription.currency);
  if (!HasBasilShapes(version)) {
    json.Field("current_period_end", subscription.period_end);
    json.Field("current_period_start", subscription.period_start);
  }
  json.Field("customer", subscription.customer);
  if (version == ApiVersion::k20260729Dahlia) json.Nulls("customer_account");
  if (subscription.collection_method == "send_invoice") {
    json.Field("days_until_due", 30);
  } else {
    json.Nulls("days_until_due");
  }
  json.Optional("default_payment_method", subscription.default_payment_method);
  json.Nulls("default_source");
  json.EmptyList("default_tax_rates");
  if (version > ApiVersion::k20200827) json.Nulls("description");
  if (!HasBasilShapes(version)) json.Nulls("discount");
  if (version >= ApiVersion::k20240620) json.EmptyList("discounts");
  json.OptionalTime("ended_at", subscription.ended_at);
  json.Begin("items");
  json.Field("object", "list");
  WriteItems(json, subscription, rendering);
  json.Field("has_more", false);
  json.Field("total_count", subscription.items.size());
  json.Field("url", "/v1/subscription_items?subscription=" + subscription.id);
  json.End();
  json.Optional("latest_invoice", subscription.latest_invoice);
  json.Field("livemode", rendering.livemode);
  json.Begin("metadata");
  json.Field("seats", subscription.metadata_seats);
  json.End();
  json.Nulls("next_pending_invoice_item_invoice", "on_behalf_of");
  WritePauseCollection(json, subscription.paused_collection_behavior);
  WriteSettings(json, rendering);
  json.Nulls("pending_invoice_item_interval");
  json.Optional("pending_setup_intent", subscription.pending_setup_intent);
  json.Nulls("pending_update");
  if (RepeatsPlanOnSubscription(version)) WritePlanAndQuantity(json, subscription, rendering);
  json.Nulls("schedule");
  json.Field(HasPrices(version) ? "start_date" : "start", subscription.created);
  json.Field("status", subscription.status);
  json.Nulls("test_clock", "transfer_data");
  json.OptionalTime("trial_end", subscription.trial_end);
  if (version > ApiVersion::k20200827) {
    json.Begin("trial_settings");
    json.Begin("end_behavior");
    json.Field("missing_payment_method", subscription.trial_end != 0 ? "pause" : "create_invoice");
    json.End();
    json.End();
  }
  json.OptionalTime("trial_start", subscription.trial_start);
  json.End();
}

void WriteChanges(JsonWriter& json, const Subscription& before, const Subscription& after,
                  const Rendering& rendering) {
  const bool period_moved =
      before.period_start != after.period_start || before.period_end != after.period_end;
  ChangedTime(json, "cancel_at", before.cancel_at, after.cancel_at);
  Changed(json, "cancel_at_period_end", before.cancel_at_period_end, after.cancel_at_period_end);
  ChangedTime(json, "canceled_at", before.canceled_at, after.canceled_at);
  if (rendering.version > ApiVersion::k20200827 &&
      (before.cancellation_reason != after.cancellation_reason ||
       before.cancellation_feedback != after.cancellation_feedback)) {
    json.Begin("cancellation_details");
    Changed(json, "feedback", before.cancellation_feedback, after.cancellation_feedback);
    Changed(json, "reason", before.cancellation_reason, after.cancellation_reason);
    json.End();
  }
  if (!HasBasilShapes(rendering.version)) {
    ChangedTime(json, "current_period_end", before.period_end, after.period_end);
    ChangedTime(json, "current_period_start", before.period_start, after.period_start);
  }
  Changed(json, "default_payment_method", before.default_payment_method, after.default_payment_method);
  if (before.items != after.items || (HasBasilShapes(rendering.version) && period_moved)) {
    json.Begin("items");
    WriteItems(json, before, rendering);
    json.End();
  }
  Changed(json, "latest_invoice", before.latest_invoice, after.latest_invoice);
  if (before.metadata_seats != after.metadata_seats) {
    json.Begin("metadata");
    json.Field("seats", before.metadata_seats);
    json.End();
  }
  if (before.paused_collection_behavior != after.paused_collection_behavior) {
    WritePauseCollection(json, before.paused_collection_behavior);
  }
  Changed(json, "pending_setup_intent", before.pending_setup_intent, after.pending_setup_intent);
  const bool repeats_plan = RepeatsPlanOnSubscription(rendering.version);
  if (repeats_plan && (before.items.size() == 1) != (after.items.size() == 1)) {
    WritePlanAndQuantity(json, before, rendering);
  } else if (repeats_plan && before.items.size() == 1) {
    const SubscriptionItem& old_item = before.items.front();
    const SubscriptionItem& new_item = after.items.front();
    if (old_item.price != new_item.price) {
      json.Key("plan");
      WritePlan(json, *old_item.price, rendering);
    }
    Changed(json, "quantity", old_item.quantity, new_item.quantity);
  }
  Changed(json, "status", before.status, after.status);
}

}  // namespace billhook::simulate
