// GET /api/v1/metrics/mrr: monthly recurring revenue over time.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "domain/stripe/fields.h"
#include "service/http/routes/reading.h"
#include "service/query/revenue_query.h"

namespace billhook::http {
namespace {

using query::Interval;

constexpr const char* kProjection = "revenue";
constexpr std::int64_t kMaxIntervals = 1'000;
constexpr int kDefaultDays = 30;
constexpr int kDefaultMonths = 12;
// Beyond it lie intervals whose end RFC 3339 cannot write: 9999-12-01T00:00:00Z.
constexpr UnixMicros kEndOfTime = 253'399'622'400 * kMicrosPerSecond;

// A time, or a date for its midnight in UTC.
std::optional<UnixMicros> TimeOrDate(Call& call, const std::string& name) {
  const std::optional<std::string> text = call.query.Text(name);
  if (!text) return std::nullopt;
  std::optional<UnixMicros> at = ParseRfc3339(*text);
  if (!at) at = ParseRfc3339(*text + "T00:00:00Z");
  if (!at || *at >= kEndOfTime) {
    call.query.Fault(name,
                     "Must be a date such as 2026-01-31 or an RFC 3339 time, before the last month of 9999.");
    return std::nullopt;
  }
  return at;
}

// The read model's currencies are lower-cased: another spelling would find nothing and not say why.
bool IsCurrency(const std::string& text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

// Faults are noted in the call's query.
query::RevenueFilter FilterOf(Call& call, UnixMicros now) {
  query::RevenueFilter filter;
  filter.tenant = call.caller.tenant;
  filter.currency = stripe::LowerCase(call.query.Text("currency").value_or(""));
  if (!IsCurrency(filter.currency)) call.query.Fault("currency", "Is needed: a currency code such as usd.");
  filter.livemode = call.query.Boolean("livemode").value_or(true);
  filter.account = call.query.Text("account").value_or("");
  const std::string interval = call.query.Text("interval").value_or("month");
  if (interval != "day" && interval != "month") call.query.Fault("interval", "Must be day or month.");
  filter.interval = interval == "day" ? Interval::kDay : Interval::kMonth;
  filter.to = TimeOrDate(call, "to").value_or(now);
  const int earlier = 1 - (filter.interval == Interval::kDay ? kDefaultDays : kDefaultMonths);
  const std::optional<UnixMicros> from = TimeOrDate(call, "from");
  filter.from = from ? *from : std::max<UnixMicros>(0, query::StartOf(filter.interval, filter.to, earlier));
  if (filter.from > filter.to) {
    call.query.Fault("from", "Must not be later than to (which is now where it is left out).");
  } else if (query::CountIntervals(filter.interval, filter.from, filter.to) > kMaxIntervals) {
    call.query.Fault("from", "At most " + std::to_string(kMaxIntervals) + " intervals are shown at a time.");
  }
  return filter;
}

// Written by hand, since a JSON number may be longer than any integer type.
std::string BodyText(const query::RevenueFilter& filter, const query::RevenueReport& report) {
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::string body = R"({"object":"list","currency":)" + quoted(filter.currency) + R"(,"interval":)" +
                     (filter.interval == Interval::kDay ? R"("day")" : R"("month")") + R"(,"livemode":)" +
                     (filter.livemode ? "true" : "false") + R"(,"account":)" +
                     (filter.account.empty() ? "null" : quoted(filter.account)) + R"(,"data":[)";
  const char* separator = "";
  for (const query::RevenueInterval& interval : report.intervals) {
    body += separator;
    body += R"({"from":)" + quoted(FormatRfc3339(interval.from)) + R"(,"to":)" +
            quoted(FormatRfc3339(interval.to));
    const auto put = [&body](const char* name, Int128 amount) {
      body.append(",\"").append(name).append("\":").append(ToDecimal(amount));
    };
    put("mrr", interval.mrr);
    put("new", interval.fresh);
    put("expansion", interval.expansion);
    put("contraction", interval.contraction);
    put("churn", interval.churn);
    put("reactivation", interval.reactivation);
    body += "}";
    separator = ",";
  }
  return body + "]}";
}

Response MonthlyRecurringRevenue(Call& call, Services& services) {
  query::RevenueFilter filter = FilterOf(call, services.clock());
  if (std::optional<Response> refusal = AwaitProjectionOn(call, services, kProjection, filter.timeline))
    return *refusal;
  const query::RevenueReport report = query::ReadRevenue(services.database, filter);
  return ReadModelResponse(BodyText(filter, report), report.position);
}

}  // namespace

void AddRevenueRoutes(Api& api, Services& services) {
  api.Add({"GET", "/api/v1/metrics/mrr", Role::kReader,
           ReadParameters({"currency", "from", "to", "interval", "livemode", "account", "branch"}),
           [&services](Call& call) { return MonthlyRecurringRevenue(call, services); }});
}

}  // namespace billhook::http
