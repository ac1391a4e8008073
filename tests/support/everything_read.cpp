#include "tests/support/everything_read.h"

#include <algorithm>
#include <functional>
#include <random>
#include <set>

#include <gtest/gtest.h>

#include "service/queries/query_type.h"
#include "service/query/aggregate_state.h"
#include "service/query/customers_query.h"
#include "service/query/events_query.h"
#include "service/query/invoices_query.h"
#include "service/query/ledger_query.h"
#include "service/query/revenue_query.h"
#include "service/query/state_query.h"
#include "service/query/subscription_history.h"
#include "service/query/subscriptions_query.h"
#include "service/query/timeline_query.h"

namespace billhook::test {
namespace {

using query::Page;
using query::PageRequest;
using Rows = std::vector<std::string>;

// All rows of a list, a random number a page.
Rows AllRows(std::mt19937_64& random, const std::function<Page(const PageRequest&)>& read) {
  Rows rows;
  PageRequest request;
  for (;;) {
    request.limit = 1 + random() % 40;
    const Page page = read(request);
    rows.insert(rows.end(), page.rows.begin(), page.rows.end());
    if (!page.has_more) return rows;
    request.after = page.last;
  }
}

// Engines differ in how they order texts.
Rows Sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

// The IDs in the rows of a list.
std::set<std::string> Ids(const Rows& rows) {
  std::set<std::string> ids;
  for (const std::string& row : rows) ids.insert(Json::parse(row)["id"]);
  return ids;
}

// All keys and values of each read model; each key's value is asked for by itself as well.
void ReadStates(storage::Database& database, const std::string& tenant, const storage::Timeline& timeline,
                std::mt19937_64& random, std::map<std::string, Rows>& all) {
  for (const char* name : {"subscriptions", "active_subscriptions", "payment_ledger", "account_balance",
                           "sagas", "revenue", "customers", "invoices", "customer_timeline", "statistics"}) {
    const query::StateView& view = *query::FindStateView(name);
    Rows& rows = all[std::string("state of ") + name];
    PageRequest request;
    for (bool more = true; more;) {
      request.limit = 1 + random() % 40;
      const query::State state = ListState(database, view, tenant, request, timeline);
      for (const auto& [key, value] : state.entries) {
        rows.push_back(key + "=" + value);
        if (random() % 8 != 0) continue;
        const query::State one = FindState(database, view, tenant, key, timeline);
        EXPECT_EQ(one.entries.empty() ? "" : one.entries.front().second, value) << name << " " << key;
        EXPECT_LT(one.entries.size(), 2U) << name << " " << key;
      }
      more = state.has_more;
      request.after = state.last;
    }
    rows = Sorted(std::move(rows));
  }
}

void ReadCustomers(storage::Database& database, const std::string& tenant, const storage::Timeline& timeline,
                   std::mt19937_64& random, std::map<std::string, Rows>& all) {
  const query::CustomerFilter everyone{tenant, timeline, {}, {}, {}, {}};
  all["customers"] = Sorted(AllRows(
      random, [&](const PageRequest& request) { return ListCustomers(database, everyone, request); }));
  query::CustomerFilter deleted = everyone;
  deleted.deleted = true;
  all["deleted customers"] = Sorted(
      AllRows(random, [&](const PageRequest& request) { return ListCustomers(database, deleted, request); }));
  std::set<std::string> ids = Ids(all["customers"]);
  ids.insert({"cus_1", "cus_2", "cus_none"});
  for (const std::string& id : ids) {
    query::TimelineFilter filter{tenant, timeline, id, {}, {}};
    all["timelines"].push_back(id + std::to_string(ReadTimeline(database, filter, {}).customers));
    for (const char* account : {"", "acct_1"}) {
      filter.account = account;
      filter.livemode = true;
      for (std::string& row : AllRows(random, [&](const PageRequest& request) {
             return ReadTimeline(database, filter, request).page;
           }))
        all["timelines"].push_back(std::move(row));
    }
  }
}

std::string AsText(const query::RevenueReport& report) {
  std::string text;
  for (const query::RevenueInterval& at : report.intervals) {
    for (const Int128 amount : {at.mrr, at.fresh, at.expansion, at.contraction, at.churn, at.reactivation})
      text += ToDecimal(amount) + " ";
  }
  return text;
}

void ReadRevenues(storage::Database& database, const std::string& tenant, const storage::Timeline& timeline,
                  std::map<std::string, Rows>& all) {
  for (const char* currency : {"usd", "eur", "gbp", "jpy"}) {
    for (const char* account : {"", "acct_1"}) {
      query::RevenueFilter filter;
      filter.tenant = tenant;
      filter.timeline = timeline;
      filter.currency = currency;
      filter.account = account;
      filter.from = 1'700'000'000'000'000;
      filter.to = 1'800'000'000'000'000;
      all["revenue"].push_back(AsText(ReadRevenue(database, filter)));
    }
  }
}

// Each type of query with what it finds in `all`.
void Ask(storage::Database& database, const std::string& tenant, const storage::Timeline& timeline,
         std::map<std::string, Rows>& all) {
  const std::string subscription =
      all["subscriptions "].empty() ? "none" : *Ids(all["subscriptions "]).begin();
  const std::string customer = all["customers"].empty() ? "none" : *Ids(all["customers"]).begin();
  const std::vector<std::pair<const char*, Json>> questions = {
      {"GetAccountBalance", {{"account_id", "acc1"}}},
      {"GetSubscription", {{"subscription_id", subscription}}},
      {"ListActiveSubscriptions", {{"account", "acct_1"}}},
      {"GetLedgerBalances", Json::object()},
      {"GetTotalPaid", Json::object()},
      {"GetCustomerTimeline", {{"customer_id", customer}, {"account", ""}}},
      {"GetStatistics", Json::object()}};
  query::ObjectFinder subscriptions(database, "subscriptions");
  for (const auto& [name, filters] : questions) {
    const PageRequest page;
    const auto answer =
        queries::FindQueryType(name)->handler({database, subscriptions, tenant, filters, page, timeline});
    Json data = answer ? Json::parse(answer->data) : Json(answer.error().code);
    if (std::string(name) == "GetStatistics") data.erase("latest_position");  // others' lie between
    all[name].push_back(data.dump());
  }
}

}  // namespace

std::map<std::string, Rows> ReadEverything(storage::Database& database, const std::string& tenant,
                                           const storage::Timeline& timeline, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::map<std::string, Rows> all;
  for (const char* status : {"", "active", "canceled"}) {
    query::SubscriptionFilter filter{tenant, timeline, {}, {}, {}, {}, {}};
    if (*status != '\0') filter.status = status;
    all[std::string("subscriptions ") + status] = Sorted(AllRows(
        random, [&](const PageRequest& request) { return ListSubscriptions(database, filter, request); }));
  }
  const query::SubscriptionFilter everywhere{tenant, timeline, {}, {}, {}, {}, {}};
  const query::AsOf as_of{1'780'000'000'000'000, query::AsOf::Axis::kOccurred};
  all["subscriptions as of"] = Sorted(AllRows(random, [&](const PageRequest& request) {
    return ListSubscriptionsAsOf(database, everywhere, as_of, request);
  }));
  const query::InvoiceFilter invoices{tenant, timeline, {}, {}, {}, {}, {}};
  all["invoices"] = Sorted(
      AllRows(random, [&](const PageRequest& request) { return ListInvoices(database, invoices, request); }));
  for (const char* type : {"", "refund", "adjustment"}) {
    query::LedgerFilter filter;
    filter.tenant = tenant;
    filter.timeline = timeline;
    if (*type != '\0') filter.type = type;
    all[std::string("entries ") + type] = Sorted(
        AllRows(random, [&](const PageRequest& request) { return ListEntries(database, filter, request); }));
    all[std::string("balances ") + type] =
        AllRows(random, [&](const PageRequest& request) { return ListBalances(database, filter, request); });
  }
  query::LedgerFilter past;
  past.tenant = tenant;
  past.timeline = timeline;
  for (std::int64_t month = 0; month < 4; ++month) {
    past.as_of = {1'767'225'600'000'000 + month * 60 * 86'400 * kMicrosPerSecond,
                  query::AsOf::Axis::kOccurred};
    for (std::string& row : ListBalances(database, past, {}).rows)
      all["past balances"].push_back(std::move(row));
  }
  ReadCustomers(database, tenant, timeline, random, all);
  ReadStates(database, tenant, timeline, random, all);
  ReadRevenues(database, tenant, timeline, all);
  Ask(database, tenant, timeline, all);
  const query::EventFilter events{tenant, timeline, {}, {}, {}, {}, {}, {}, {}};
  std::map<std::string, std::string> streams;
  for (const std::string& row :
       AllRows(random, [&](const PageRequest& request) { return ListEvents(database, events, request); })) {
    const Json event = Json::parse(row);
    const std::string id = event["aggregate_id"];
    streams[id] = event["aggregate_type"];
    all["events"].push_back(event["aggregate_type"].get<std::string>() + id + event["version"].dump() +
                            event["id"].get<std::string>());
  }
  for (const auto& [id, type] : streams) {
    storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
    const query::Bounds platform{1, {}, {}, {}, ""};
    const Result<query::AggregateState, query::NoState> state =
        query::StateOf(*session, {tenant, type, id, timeline}, platform, nullptr);
    all["state"].push_back(id + (state ? std::to_string(state->version) + state->state.dump() : "none"));
  }
  for (const auto& [id, type] : streams) {
    if (type != "subscription") continue;
    query::SubscriptionFilter filter = everywhere;
    filter.account = "acct_1";
    for (const std::string& row : AllRows(random, [&, &subscription = id](const PageRequest& request) {
           return ReadHistory(database, subscription, filter, request).page;
         })) {
      Json event = Json::parse(row);
      event.erase("position");
      event.erase("recorded_at");
      all["histories"].push_back(event.dump());
    }
  }
  return all;
}

}  // namespace billhook::test
