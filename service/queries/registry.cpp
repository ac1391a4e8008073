#include <algorithm>

#include <nlohmann/json.hpp>

#include "domain/command_fields.h"
#include "domain/json_text.h"
#include "service/queries/query_type.h"
#include "service/query/account_query.h"
#include "service/query/events_query.h"
#include "service/query/ledger_query.h"
#include "service/query/subscriptions_query.h"
#include "service/query/timeline_query.h"

namespace billhook::queries {
namespace {

using Answered = Result<QueryAnswer, Refusal>;

Unexpected<Refusal> NotFound(std::string detail) {
  return Unexpected(Refusal{404, "not_found", std::move(detail)});
}

QueryAnswer PageAnswer(const query::Page& page) {
  std::string data = "[";
  for (const std::string& row : page.rows) data.append(data.size() == 1 ? "" : ",").append(row);
  return {data + "]", page.position, page.has_more, page.last};
}

Answered GetAccountBalance(const QueryCall& call) {
  std::optional<query::Account> account = query::FindAccount(
      call.database, call.tenant, TextIn(call.filters, "account_id").value(), call.timeline);
  if (!account) return NotFound("There is no such account.");
  return QueryAnswer{std::move(account->body), account->position};
}

query::SubscriptionFilter SubscriptionsOf(const QueryCall& call) {
  query::SubscriptionFilter filter;
  filter.tenant = call.tenant;
  filter.timeline = call.timeline;
  filter.customer = TextIn(call.filters, "customer");
  filter.livemode = BooleanIn(call.filters, "livemode");
  filter.account = TextIn(call.filters, "account");
  return filter;
}

Answered GetSubscription(const QueryCall& call) {
  const query::Found found = query::FindSubscription(
      call.subscriptions, TextIn(call.filters, "subscription_id").value(), SubscriptionsOf(call));
  if (found.objects == 0) return NotFound("There is no such subscription.");
  if (found.objects == 1) return QueryAnswer{*found.body, found.position};
  return Unexpected(Refusal{422, "subscription_ambiguous",
                            "This ID stands under several accounts or livemodes: name one."});
}

Answered ListActiveSubscriptions(const QueryCall& call) {
  query::SubscriptionFilter filter = SubscriptionsOf(call);
  filter.status = "active";
  return PageAnswer(query::ListSubscriptions(call.database, filter, call.page));
}

query::LedgerFilter LedgerOf(const QueryCall& call) {
  query::LedgerFilter filter;
  filter.tenant = call.tenant;
  filter.timeline = call.timeline;
  filter.currency = TextIn(call.filters, "currency");
  filter.customer = TextIn(call.filters, "customer");
  filter.livemode = BooleanIn(call.filters, "livemode");
  filter.account = TextIn(call.filters, "account");
  return filter;
}

Answered GetLedgerBalances(const QueryCall& call) {
  return PageAnswer(query::ListBalances(call.database, LedgerOf(call), call.page));
}

// What was paid is the balances' gross. The numbers are taken as text: they may be longer than 64 bits.
Answered GetTotalPaid(const QueryCall& call) {
  query::Page page = query::ListBalances(call.database, LedgerOf(call), call.page);
  for (std::string& row : page.rows) {
    const auto value = [&row](std::string_view key) { return std::string(ValuesUnder(row, key, 1).front()); };
    row = R"({"currency":)" + value("currency") + R"(,"livemode":)" + value("livemode") + R"(,"account":)" +
          value("account") + R"(,"total_paid":)" + value("gross") + "}";
  }
  return PageAnswer(page);
}

Answered GetCustomerTimeline(const QueryCall& call) {
  const query::TimelineFilter filter{call.tenant, call.timeline, TextIn(call.filters, "customer_id").value(),
                                     BooleanIn(call.filters, "livemode"), TextIn(call.filters, "account")};
  const query::Timeline timeline = query::ReadTimeline(call.database, filter, call.page);
  if (timeline.customers == 0) return NotFound("There is no such customer.");
  if (timeline.customers == 1) return PageAnswer(timeline.page);
  return Unexpected(Refusal{422, "customer_ambiguous",
                            "This ID stands under several accounts or livemodes: name account or livemode."});
}

Answered GetAggregateHistory(const QueryCall& call) {
  query::StreamFilter filter;
  filter.tenant = call.tenant;
  filter.timeline = call.timeline;
  filter.aggregate_id = TextIn(call.filters, "aggregate_id").value();
  const std::vector<std::string> types =
      query::TypesOf(call.database, filter.tenant, filter.aggregate_id, call.timeline);
  const std::optional<std::string> wanted = TextIn(call.filters, "aggregate_type");
  if (!wanted && types.size() > 1) {
    return Unexpected(Refusal{422, "aggregate_ambiguous",
                              "This ID stands under several aggregate types: name aggregate_type."});
  }
  const bool known = wanted ? std::find(types.begin(), types.end(), *wanted) != types.end() : !types.empty();
  if (!known) return NotFound("There is no such stream.");
  filter.aggregate_type = wanted.value_or(types.front());
  QueryAnswer answer = PageAnswer(query::ListStream(call.database, filter, call.page));
  answer.position =
      call.timeline.branch() ? call.timeline.branch()->head : query::LatestPosition(call.database);
  return answer;
}

Answered GetStatistics(const QueryCall& call) {
  const query::Statistics statistics = query::StatisticsOf(call.database, call.tenant, call.timeline);
  return QueryAnswer{query::StatisticsBody(statistics), statistics.latest_position};
}

std::vector<QueryType> MakeAll() {
  static const Schema kAccount(R"({"type":"object","additionalProperties":false,"required":["account_id"],
    "properties":{"account_id":{"type":"string"}}})");
  static const Schema kSubscription(R"({"type":"object","additionalProperties":false,
    "required":["subscription_id"],"properties":{"subscription_id":{"type":"string"},
    "livemode":{"type":"boolean"},"account":{"type":"string"}}})");
  static const Schema kActive(R"({"type":"object","additionalProperties":false,"properties":{
    "customer":{"type":"string"},"livemode":{"type":"boolean"},"account":{"type":"string"}}})");
  static const Schema kBalances(R"({"type":"object","additionalProperties":false,"properties":{
    "currency":{"type":"string"},"livemode":{"type":"boolean"},"account":{"type":"string"}}})");
  static const Schema kTotalPaid(R"({"type":"object","additionalProperties":false,"properties":{
    "currency":{"type":"string"},"customer":{"type":"string"},"livemode":{"type":"boolean"}}})");
  static const Schema kTimeline(R"({"type":"object","additionalProperties":false,
    "required":["customer_id"],"properties":{"customer_id":{"type":"string"},
    "livemode":{"type":"boolean"},"account":{"type":"string"}}})");
  static const Schema kHistory(R"({"type":"object","additionalProperties":false,
    "required":["aggregate_id"],"properties":{"aggregate_id":{"type":"string"},
    "aggregate_type":{"type":"string"}}})");
  static const Schema kNone(R"({"type":"object","additionalProperties":false,"properties":{}})");
  constexpr Role kRole = Role::kReader;
  return {
      {"GetAccountBalance", &kAccount, {"account_balance"}, 0, false, kRole, &GetAccountBalance},
      {"GetSubscription", &kSubscription, {"subscriptions"}, 0, false, kRole, &GetSubscription},
      {"ListActiveSubscriptions",
       &kActive,
       {"subscriptions"},
       query::kSubscriptionKeyParts,
       false,
       kRole,
       &ListActiveSubscriptions},
      {"GetLedgerBalances",
       &kBalances,
       {"payment_ledger"},
       query::kBalanceKeyParts,
       false,
       kRole,
       &GetLedgerBalances},
      {"GetTotalPaid", &kTotalPaid, {"payment_ledger"}, query::kBalanceKeyParts, false, kRole, &GetTotalPaid},
      {"GetCustomerTimeline",
       &kTimeline,
       {"customer_timeline", "customers"},
       query::kTimelineKeyParts,
       true,
       kRole,
       &GetCustomerTimeline},
      {"GetAggregateHistory", &kHistory, {}, query::kEventKeyParts, true, kRole, &GetAggregateHistory},
      {"GetStatistics", &kNone, {}, 0, false, kRole, &GetStatistics},
  };
}

}  // namespace

const QueryType* FindQueryType(std::string_view name) {
  static const std::vector<QueryType> kTypes = MakeAll();
  for (const QueryType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace billhook::queries
