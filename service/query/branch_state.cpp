#include "service/query/branch_state.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "domain/check.h"
#include "domain/prepaid_account.h"
#include "domain/sagas/saga.h"
#include "projections/account_balance.h"
#include "projections/customers.h"
#include "projections/invoices.h"
#include "projections/revenue/revenue.h"
#include "projections/sagas.h"
#include "projections/subscriptions.h"
#include "service/query/branch_ledger_query.h"
#include "service/query/branch_objects.h"
#include "service/query/branch_timeline.h"
#include "service/query/events_query.h"

namespace billhook::query {
namespace {

// What a caller may mean by a key: the whole of it, or what stands behind a qualifier.
std::vector<std::string> IdsIn(const std::string& key) {
  std::vector<std::string> ids = {key};
  for (std::size_t slash = key.find('/'); slash != std::string::npos; slash = key.find('/', slash + 1)) {
    if (slash + 1 < key.size()) ids.push_back(key.substr(slash + 1));
  }
  return ids;
}

bool IsNamed(const StateRow& row, const std::optional<std::string>& key) {
  return !key || row.key[0] == *key || row.qualified == *key;
}

std::string Qualified(std::int64_t livemode, const std::string& account, const std::string& id) {
  return (livemode != 0 ? "live/" : "test/") + account + "/" + id;
}

// Views whose rows each come of one stream.
struct ObjectView {
  std::string_view projection;
  const Projection& model;
  const Table& table;
  std::string_view aggregate_type;
  bool stripe = true;
};

const ObjectView* FindObjectView(std::string_view projection) {
  static const Subscriptions kSubscriptions;
  static const Customers kCustomers;
  static const Invoices kInvoices;
  static const Revenue kRevenue;
  static const AccountBalance kAccounts;
  static const Sagas kSagas;
  static const ObjectView kViews[] = {
      {"subscriptions", kSubscriptions, Subscriptions::kTable, "subscription"},
      {"customers", kCustomers, Customers::kTable, "customer"},
      {"invoices", kInvoices, Invoices::kTable, "invoice"},
      {"revenue", kRevenue, Revenue::kSubscriptionsTable, "subscription"},
      {"account_balance", kAccounts, AccountBalance::kTable, prepaid_account::kAggregateType, false},
      {"sagas", kSagas, Sagas::kTable, sagas::kAggregateType, false},
  };
  for (const ObjectView& view : kViews) {
    if (view.projection == projection) return &view;
  }
  return nullptr;
}

StateRow RowFrom(const StateView& view, const Table& table, const Row& row) {
  const std::string& id = TextIn(table, row, "id");
  const Cell& value = row[table.IndexOf(view.value)];
  const auto* number = std::get_if<std::int64_t>(&value);
  const bool scoped = std::any_of(table.columns.begin(), table.columns.end(),
                                  [](const Column& column) { return column.name == "livemode"; });
  // Elsewhere the qualifier is a word of its own.
  std::string qualified = scoped
                              ? Qualified(std::get<std::int64_t>(row[table.IndexOf("livemode")]),
                                          TextIn(table, row, "account"), id)
                              : std::string(view.qualifier.substr(1, view.qualifier.size() - 2)) + "/" + id;
  return {{id, TextIn(table, row, "row_key")},
          std::move(qualified),
          number != nullptr ? std::to_string(*number) : std::get<std::string>(value)};
}

StateRows ObjectStates(storage::Session& session, const StateView& view, const ObjectView& object,
                       const TimelineOf& branch, const PageRequest& request,
                       const std::optional<std::string>& key) {
  const BranchObjects objects = {object.model,
                                 object.table,
                                 object.aggregate_type,
                                 LiveModelOf(session, std::string(view.projection)),
                                 branch.tenant,
                                 branch.timeline,
                                 {},
                                 object.stripe};
  const auto wanted = [&](const Row& row) {
    return view.name != "active_subscriptions" || TextIn(object.table, row, "status") == "active";
  };
  ListedRows listed;
  if (key) {
    listed.rows = RowsOf(session, objects, IdsIn(*key));
    std::erase_if(listed.rows, [&](const Row& row) { return !wanted(row); });
  } else {
    listed = ListRows(session, objects, wanted, request.after, request.limit + 1);
  }
  StateRows states;
  for (const Row& row : listed.rows) states.rows.push_back(RowFrom(view, object.table, row));
  states.go_on = std::move(listed.go_on);
  return states;
}

// Of each payment its amount.
StateRows PaymentStates(storage::Session& session, const TimelineOf& branch, const PageRequest& request,
                        const std::optional<std::string>& key) {
  constexpr std::string_view kType = "payment";
  LedgerFilter filter;
  filter.tenant = branch.tenant;
  filter.timeline = branch.timeline;
  filter.type = kType;
  const LiveModel live = LiveModelOf(session, "payment_ledger");
  StateRows states;
  const auto take = [&](const KeyedEntry& entry) {
    const nlohmann::json body = nlohmann::json::parse(entry.body);
    const std::string source = body.at("source");
    const std::string account = body.at("account").is_null() ? "" : body.at("account").get<std::string>();
    states.rows.push_back({{source, entry.key[1]},
                           Qualified(body.at("livemode").get<bool>() ? 1 : 0, account, source),
                           body.at("amount").dump()});
  };
  if (key) {
    for (const std::string& id : IdsIn(*key)) {
      filter.source = id;
      for (const KeyedEntry& entry : EntriesOnBranch(session, filter, live, {}, kMaxHomonyms)) take(entry);
    }
    return states;
  }
  Key after = request.after;
  if (!after.empty()) after[0] = std::string(kType) + ":" + after[0];
  for (const KeyedEntry& entry : EntriesOnBranch(session, filter, live, after, request.limit + 1))
    take(entry);
  return states;
}

// Each event that concerns a customer.
StateRows EventStates(storage::Session& session, const TimelineOf& branch, const PageRequest& request,
                      const std::optional<std::string>& key) {
  BranchTimeline events(session, LiveModelOf(session, "customer_timeline"), branch.tenant, branch.timeline);
  StateRows states;
  const auto take = [&](const std::vector<std::string>& row_keys) {
    const std::map<std::string, Row> rows = events.RowsAt(row_keys);
    for (const std::string& row_key : row_keys) {
      const auto found = rows.find(row_key);
      if (found == rows.end()) continue;
      const Row& row = found->second;
      const std::string& id = std::get<std::string>(row[timeline::kEventId]);
      states.rows.push_back({{id, row_key},
                             Qualified(std::get<std::int64_t>(row[timeline::kLivemode]),
                                       std::get<std::string>(row[timeline::kAccount]), id),
                             std::get<std::string>(row[timeline::kBody])});
    }
  };
  if (key) {
    std::vector<std::string> row_keys;
    for (const std::string& id : IdsIn(*key)) row_keys.push_back(JoinKey({branch.tenant, id}));
    take(row_keys);
    return states;
  }
  std::string after = request.after.empty() ? "" : request.after[1];
  const std::size_t chunk = request.limit + 1;
  while (states.rows.size() <= request.limit) {
    const std::vector<std::string> row_keys = events.RowKeys(after, chunk);
    take(row_keys);
    if (row_keys.size() < chunk) break;
    after = row_keys.back();
  }
  return states;
}

// Of each event type its number of events.
StateRows CountStates(storage::Session& session, const TimelineOf& branch, const PageRequest& request) {
  StateRows states;
  for (const auto& [types, events] : CountTypes(session, branch.tenant, branch.timeline)) {
    const auto& [event_type, aggregate_type] = types;
    Key key = {event_type, JoinKey({branch.tenant, event_type, aggregate_type})};
    if (request.after.empty() || key > request.after)
      states.rows.push_back({std::move(key), aggregate_type + "/" + event_type, std::to_string(events)});
  }
  return states;
}

}  // namespace

StateRows StateOnBranch(storage::Session& session, const StateView& view, const TimelineOf& branch,
                        const PageRequest& request, const std::optional<std::string>& key) {
  StateRows states;
  if (const ObjectView* object = FindObjectView(view.projection)) {
    states = ObjectStates(session, view, *object, branch, request, key);
  } else if (view.projection == "payment_ledger") {
    states = PaymentStates(session, branch, request, key);
  } else if (view.projection == "customer_timeline") {
    states = EventStates(session, branch, request, key);
  } else {
    BILLHOOK_CHECK(view.projection == "statistics");
    states = CountStates(session, branch, request);
  }
  std::erase_if(states.rows, [&key](const StateRow& row) { return !IsNamed(row, key); });
  states.position = branch.timeline.branch()->head;
  return states;
}

}  // namespace billhook::query
