// Reads of the read model `revenue`: monthly recurring revenue in one currency, by calendar days or months in
// UTC. Thread safe; throws StorageError.
#pragma once

#include <string>
#include <vector>

#include "domain/money.h"
#include "domain/time.h"
#include "service/storage/timeline.h"

namespace billhook::query {

enum class Interval { kDay, kMonth };

// The start of the calendar day or month in UTC that a moment (from 1970 on) falls into, and of the one that
// lies `count` later or, where it is negative, earlier.
UnixMicros StartOf(Interval interval, UnixMicros at, int count = 0);

// How many calendar intervals the moments from `from` to `to` (not before it) touch.
std::int64_t CountIntervals(Interval interval, UnixMicros from, UnixMicros to);

struct RevenueFilter {
  std::string tenant;
  storage::Timeline timeline{};
  std::string currency;
  bool livemode = true;
  std::string account;  // empty: the platform's own
  Interval interval = Interval::kMonth;
  UnixMicros from = 0;  // the calendar intervals that both fall into are shown whole
  UnixMicros to = 0;    // not before `from`
};

// One calendar interval, from its start to before its end. The amounts are sums over subscriptions, 0 or
// more, in minor units: mrr = the mrr before + fresh + reactivation + expansion - contraction - churn.
struct RevenueInterval {
  UnixMicros from = 0;
  UnixMicros to = 0;
  Int128 mrr = 0;    // at the end
  Int128 fresh = 0;  // of the movements `new`
  Int128 expansion = 0;
  Int128 contraction = 0;
  Int128 churn = 0;
  Int128 reactivation = 0;
};

struct RevenueReport {
  std::vector<RevenueInterval> intervals;
  std::int64_t position = 0;  // of the projection
};

RevenueReport ReadRevenue(storage::Database& database, const RevenueFilter& filter);

}  // namespace billhook::query
