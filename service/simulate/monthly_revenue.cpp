#include "service/simulate/monthly_revenue.h"

#include "domain/check.h"

namespace billhook::simulate {
namespace {

// Every cadence of the price list divides into so many parts of a month: 12 for the year, 30 for its counts
// (1, 2, 3 and 30).
constexpr std::int64_t kParts = 12 * 30;

std::int64_t PartsOf(const Cadence& cadence) {
  BILLHOOK_CHECK(30 % cadence.count == 0);
  const std::int64_t twelfths = cadence.unit == "year"    ? 1
                                : cadence.unit == "month" ? 12
                                : cadence.unit == "week"  ? 52
                                                          : 365;
  return twelfths * (30 / cadence.count);
}

}  // namespace

std::optional<std::int64_t> MonthlyRevenue(const Subscription& subscription) {
  if (subscription.status != "active" && subscription.status != "past_due") return 0;
  std::int64_t parts = 0;
  for (const SubscriptionItem& item : subscription.items) {
    if (item.price->scheme == Scheme::kTiered) return std::nullopt;
    if (IsMetered(*item.price)) continue;
    parts += item.price->unit_amount * item.quantity * PartsOf(item.price->cadence);
  }
  const std::int64_t whole = parts / kParts;
  const std::int64_t rest = parts % kParts;
  const bool up = 2 * rest > kParts || (2 * rest == kParts && whole % 2 == 1);
  return whole + (up ? 1 : 0);
}

}  // namespace billhook::simulate
