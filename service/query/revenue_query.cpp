#include "service/query/revenue_query.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "domain/check.h"
#include "projections/revenue/revenue.h"
#include "service/query/amount_sums.h"
#include "service/query/branch_objects.h"
#include "service/query/branch_revenue.h"

namespace billhook::query {
namespace {

constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

std::chrono::year_month_day DateOf(UnixMicros at) {
  return std::chrono::sys_days{std::chrono::days(at / kMicrosPerDay)};
}

Where Conditions(const RevenueFilter& filter, const LiveModel& live) {
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.Equal("livemode", std::int64_t{filter.livemode});
  where.Equal("account", filter.account);
  where.Equal("currency", filter.currency);
  return where;
}

void Count(RevenueInterval& interval, const std::string& kind, Int128 sum) {
  if (kind == "new") interval.fresh += sum;
  if (kind == "reactivation") interval.reactivation += sum;
  if (kind == "expansion") interval.expansion += sum;
  if (kind == "contraction") interval.contraction -= sum;
  if (kind == "churn") interval.churn -= sum;
}

// What is summed up: movements before the report, and within it by day and kind.
struct Sums {
  Int128 before = 0;
  std::map<std::pair<std::int64_t, std::string>, Int128> within;  // by day since 1970, and kind
};

Sums SumLive(storage::Session& session, const Where& where, UnixMicros start, UnixMicros end) {
  Sums sums;
  const std::string day = "occurred_at / " + std::to_string(kMicrosPerDay);
  Where earlier = where;
  earlier.And("occurred_at < " + earlier.Bind(start));
  const storage::Rows before = session.Query(
      "SELECT " + SumOf("amount") + " FROM revenue_movements" + earlier.sql(), earlier.parameters());
  sums.before = SumIn(before, 0, 0);
  Where within = where;
  within.And("occurred_at >= " + within.Bind(start));
  within.And("occurred_at < " + within.Bind(end));
  const storage::Rows movements =
      session.Query("SELECT " + day + ", kind, " + SumOf("amount") + " FROM revenue_movements" +
                        within.sql() + " GROUP BY " + day + ", kind",
                    within.parameters());
  for (std::size_t i = 0; i < movements.size(); ++i)
    sums.within[{movements.Int(i, 0), movements.Text(i, 1)}] = SumIn(movements, i, 2);
  return sums;
}

// Adds those of the movements, rows of Revenue::kMovementsTable, that are asked for, or takes them away
// (`sign` 1 or -1).
void Add(const std::vector<Row>& movements, const RevenueFilter& filter, UnixMicros start, UnixMicros end,
         int sign, Sums& sums) {
  const Table& table = Revenue::kMovementsTable;
  for (const Row& row : movements) {
    const auto integer = [&](std::string_view column) {
      return std::get<std::int64_t>(row[table.IndexOf(column)]);
    };
    const UnixMicros at = integer("occurred_at");
    if (TextIn(table, row, "currency") != filter.currency ||
        TextIn(table, row, "account") != filter.account ||
        integer("livemode") != std::int64_t{filter.livemode} || at >= end)
      continue;
    Int128& sum = at < start ? sums.before : sums.within[{at / kMicrosPerDay, TextIn(table, row, "kind")}];
    sum += Int128{integer("amount")} * sign;
  }
}

}  // namespace

UnixMicros StartOf(Interval interval, UnixMicros at, int count) {
  if (interval == Interval::kDay) return (at / kMicrosPerDay + count) * kMicrosPerDay;
  const std::chrono::year_month_day date = DateOf(at);
  const std::chrono::sys_days first{(date.year() / date.month() + std::chrono::months(count)) / 1};
  return std::int64_t{first.time_since_epoch().count()} * kMicrosPerDay;
}

std::int64_t CountIntervals(Interval interval, UnixMicros from, UnixMicros to) {
  BILLHOOK_CHECK(from >= 0 && from <= to);
  if (interval == Interval::kDay) return to / kMicrosPerDay - from / kMicrosPerDay + 1;
  const std::chrono::year_month_day first = DateOf(from);
  const std::chrono::year_month_day last = DateOf(to);
  return std::int64_t{(last.year() / last.month() - first.year() / first.month()).count()} + 1;
}

RevenueReport ReadRevenue(storage::Database& database, const RevenueFilter& filter) {
  RevenueReport report;
  const UnixMicros end = StartOf(filter.interval, filter.to, 1);
  for (UnixMicros from = StartOf(filter.interval, filter.from); from < end;
       from = report.intervals.back().to) {
    report.intervals.emplace_back();
    report.intervals.back().from = from;
    report.intervals.back().to = StartOf(filter.interval, from, 1);
  }
  const UnixMicros start = report.intervals.front().from;

  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "revenue");
  report.position = PositionOf(filter.timeline, live);
  Sums sums = SumLive(*session, Conditions(filter, live), start, end);
  if (filter.timeline.branch()) {
    const BranchRevenue branch(*session, live, filter.tenant, filter.timeline);
    Add(branch.Replaced(), filter, start, end, -1, sums);
    Add(branch.movements(), filter, start, end, 1, sums);
  }
  transaction.Commit();

  auto interval = report.intervals.begin();
  for (const auto& [movement, sum] : sums.within) {
    while (movement.first * kMicrosPerDay >= interval->to) ++interval;
    Count(*interval, movement.second, sum);
  }
  Int128 mrr = sums.before;
  for (RevenueInterval& each : report.intervals) {
    mrr += each.fresh + each.reactivation + each.expansion - each.contraction - each.churn;
    each.mrr = mrr;
  }
  return report;
}

}  // namespace billhook::query
