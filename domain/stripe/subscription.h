// A Stripe subscription in one canonical shape, whatever API version it came in. Pure and thread safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/json.h"
#include "domain/result.h"

namespace billhook::stripe {

struct SubscriptionItem {
  std::optional<std::string> id;  // nothing where the plan stood on the subscription itself (before items)
  std::optional<std::string> price;
  std::optional<std::string> product;
  std::optional<std::int64_t> quantity;     // nothing for metered items
  std::optional<std::int64_t> unit_amount;  // minor units; nothing for tiered prices
  std::optional<std::string> interval;      // "day", "week", "month", "year"
  std::int64_t interval_count = 1;
  bool metered = false;
};

struct Subscription {
  std::string id;
  std::optional<std::string> customer;
  std::string status;
  std::optional<std::string> currency;
  std::vector<SubscriptionItem> items;
  // Unix seconds. Since 2025-03-31 the period stands on the items: the earliest start and the latest end of
  // them.
  std::optional<std::int64_t> current_period_start;
  std::optional<std::int64_t> current_period_end;
  std::optional<std::int64_t> cancel_at;
  bool cancel_at_period_end = false;
  std::optional<std::int64_t> canceled_at;
  std::optional<std::int64_t> trial_start;
  std::optional<std::int64_t> trial_end;
  std::optional<std::int64_t> started_at;
  std::optional<std::int64_t> ended_at;
  std::optional<std::string> latest_invoice;
  std::optional<std::string> collection_method;
  Json metadata = Json::object();
  std::optional<std::int64_t> mrr;  // minor units a month, see MonthlyRecurringRevenue
};

// The subscription, or the reason why it cannot be used.
Result<Subscription, std::string> DecodeSubscription(const Json& object);

// The sum over the items of unit amount x quantity a month (a year is 12 months, a week 12/52 of one, a day
// 12/365), divided by the interval count, as one exact sum rounded once, halves to even. 0 unless the status
// is active or past_due; metered items add 0; nothing when another item has no unit amount, or when the sum
// is beyond int64.
std::optional<std::int64_t> MonthlyRecurringRevenue(const std::string& status,
                                                    const std::vector<SubscriptionItem>& items);

}  // namespace billhook::stripe
