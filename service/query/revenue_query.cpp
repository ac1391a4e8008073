#include "service/query/revenue_query.h"

#include <algorithm>
#include <chrono>

#include "domain/check.h"
#include "service/query/where.h"

namespace billhook::query {
namespace {

constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// Engines sum in 64 bits or worse: amounts are summed in two halves, which stay small, and put together in
// 128 bits.
constexpr std::int64_t kHalf = 1'000'000'000;

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

Int128 SumIn(const storage::Rows& rows, std::size_t row, std::size_t column) {
  return Int128{rows.Int(row, column)} * kHalf + rows.Int(row, column + 1);
}

void Count(RevenueInterval& interval, const std::string& kind, Int128 sum) {
  if (kind == "new") interval.fresh += sum;
  if (kind == "reactivation") interval.reactivation += sum;
  if (kind == "expansion") interval.expansion += sum;
  if (kind == "contraction") interval.contraction -= sum;
  if (kind == "churn") interval.churn -= sum;
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

  const std::string half = std::to_string(kHalf);
  const std::string day = "occurred_at / " + std::to_string(kMicrosPerDay);
  const std::string sums = "coalesce(sum(amount / " + half + "), 0), coalesce(sum(amount % " + half + "), 0)";
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "revenue");
  report.position = live.position;
  Where earlier = Conditions(filter, live);
  earlier.And("occurred_at < " + earlier.Bind(start));
  const storage::Rows before =
      session->Query("SELECT " + sums + " FROM revenue_movements" + earlier.sql(), earlier.parameters());
  Where within = Conditions(filter, live);
  within.And("occurred_at >= " + within.Bind(start));
  within.And("occurred_at < " + within.Bind(end));
  const storage::Rows movements =
      session->Query("SELECT " + day + ", kind, " + sums + " FROM revenue_movements" + within.sql() +
                         " GROUP BY " + day + ", kind ORDER BY 1",
                     within.parameters());
  transaction.Commit();

  auto interval = report.intervals.begin();
  for (std::size_t i = 0; i < movements.size(); ++i) {
    while (movements.Int(i, 0) * kMicrosPerDay >= interval->to) ++interval;
    Count(*interval, movements.Text(i, 1), SumIn(movements, i, 2));
  }
  Int128 mrr = SumIn(before, 0, 0);
  for (RevenueInterval& each : report.intervals) {
    mrr += each.fresh + each.reactivation + each.expansion - each.contraction - each.churn;
    each.mrr = mrr;
  }
  return report;
}

}  // namespace billhook::query
