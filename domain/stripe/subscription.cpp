#include "domain/stripe/subscription.h"

#include <algorithm>

#include "domain/money.h"
#include "domain/stripe/fields.h"

namespace billhook::stripe {
namespace {

// How many months' worth of one interval fall into a month, as a fraction.
struct MonthlyShare {
  std::int64_t numerator;
  std::int64_t denominator;
};

std::optional<MonthlyShare> ShareOf(std::string_view interval) {
  if (interval == "month") return MonthlyShare{1, 1};
  if (interval == "year") return MonthlyShare{1, 12};
  if (interval == "week") return MonthlyShare{52, 12};
  if (interval == "day") return MonthlyShare{365, 12};
  return std::nullopt;
}

class Decoder {
 public:
  explicit Decoder(const Json& object)
      : newest_(Upcast("subscription", object)), fields_(newest_, "subscription") {}

  Result<Subscription, std::string> Decode() {
    Subscription subscription;
    subscription.id = fields_.Id("id");
    subscription.customer = fields_.ExpandableId("customer");
    subscription.status = fields_.Id("status");
    subscription.cancel_at = fields_.OptionalTime("cancel_at");
    subscription.cancel_at_period_end = fields_.Flag("cancel_at_period_end");
    subscription.canceled_at = fields_.OptionalTime("canceled_at");
    subscription.trial_start = fields_.OptionalTime("trial_start");
    subscription.trial_end = fields_.OptionalTime("trial_end");
    subscription.started_at = fields_.OptionalTime("start_date");
    subscription.ended_at = fields_.OptionalTime("ended_at");
    subscription.latest_invoice = fields_.ExpandableId("latest_invoice");
    subscription.collection_method = fields_.OptionalText("collection_method");
    if (fields_.Find("metadata") != nullptr) subscription.metadata = fields_.OptionalHash("metadata");
    ReadItems(subscription);
    if (subscription.items.empty()) {
      // No item could take over the period of an old one.
      subscription.current_period_start = fields_.OptionalTime("current_period_start");
      subscription.current_period_end = fields_.OptionalTime("current_period_end");
    }
    if (fields_.Find("currency") != nullptr) subscription.currency = fields_.Currency("currency");
    if (!fields_.ok()) return Unexpected(fields_.fault());
    subscription.mrr = MonthlyRecurringRevenue(subscription.status, subscription.items);
    return subscription;
  }

 private:
  void ReadItems(Subscription& subscription) {
    const Json* items = fields_.Find("items");
    if (items == nullptr) return;
    const auto list = items->is_object() ? items->find("data") : items->end();
    if (!items->is_object() || list == items->end() || !list->is_array()) {
      fields_.Fail("items", "a list");
      return;
    }
    for (const Json& element : *list) ReadItem(element, subscription);
  }

  void ReadItem(const Json& element, Subscription& subscription) {
    Fields fields(element, "subscription.items");
    SubscriptionItem item;
    item.id = fields.ExpandableId("id");
    item.quantity = fields.OptionalAmount("quantity");
    if (const Json* price = fields.Find("price")) ReadPrice(*price, item, subscription);
    if (!item.quantity && !item.metered) item.quantity = 1;
    if (const auto start = fields.OptionalTime("current_period_start")) {
      subscription.current_period_start =
          std::min(subscription.current_period_start.value_or(*start), *start);
    }
    if (const auto end = fields.OptionalTime("current_period_end"))
      subscription.current_period_end = std::max(subscription.current_period_end.value_or(*end), *end);
    Adopt(fields);
    subscription.items.push_back(std::move(item));
  }

  // It may be a bare ID.
  void ReadPrice(const Json& price, SubscriptionItem& item, Subscription& subscription) {
    if (price.is_string()) {
      item.price = price.get<std::string>();
      return;
    }
    Fields fields(price, "subscription.items.price");
    item.price = fields.ExpandableId("id");
    item.product = fields.ExpandableId("product");
    item.unit_amount = fields.OptionalAmount("unit_amount");
    if (fields.Find("currency") != nullptr) {
      const std::string currency = fields.Currency("currency");
      if (!subscription.currency) subscription.currency = currency;
    }
    Adopt(fields);
    if (const Json* recurring = fields.Find("recurring")) ReadSchedule(*recurring, item);
  }

  void ReadSchedule(const Json& recurring, SubscriptionItem& item) {
    Fields schedule(recurring, "subscription.items.price.recurring");
    item.interval = schedule.OptionalText("interval");
    item.interval_count = schedule.OptionalAmount("interval_count").value_or(1);
    if (item.interval_count < 1) schedule.Fail("interval_count", "1 or more");
    item.metered = schedule.OptionalText("usage_type").value_or("") == "metered";
    Adopt(schedule);
  }

  void Adopt(const Fields& inner) {
    if (!inner.ok() && inner_fault_.empty()) inner_fault_ = inner.fault();
    if (!inner.ok()) fields_.Fail("items", "usable: " + inner_fault_);
  }

  Overlay newest_;
  Fields fields_;
  std::string inner_fault_;
};

}  // namespace

Result<Subscription, std::string> DecodeSubscription(const Json& object) {
  return Decoder(object).Decode();
}

std::optional<std::int64_t> MonthlyRecurringRevenue(const std::string& status,
                                                    const std::vector<SubscriptionItem>& items) {
  if (status != "active" && status != "past_due") return 0;
  Fraction sum;
  for (const SubscriptionItem& item : items) {
    if (item.metered) continue;
    const std::optional<MonthlyShare> share = ShareOf(item.interval.value_or(""));
    if (!item.unit_amount || !share) return std::nullopt;
    Int128 numerator = Int128{*item.unit_amount} * item.quantity.value_or(0);
    if (__builtin_mul_overflow(numerator, Int128{share->numerator}, &numerator)) return std::nullopt;
    if (!sum.Add(numerator, Int128{share->denominator} * item.interval_count)) return std::nullopt;
  }
  return Narrow(sum.RoundHalfToEven());
}

}  // namespace billhook::stripe
