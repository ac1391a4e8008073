#include "service/query/customers_query.h"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "domain/check.h"
#include "domain/money.h"
#include "projections/customers.h"
#include "service/query/amount_sums.h"
#include "service/query/branch_customers.h"
#include "service/query/ledger_sums.h"

namespace billhook::query {
namespace {

struct LiveModels {
  LiveModel customers;
  LiveModel subscriptions;
  LiveModel ledger;

  [[nodiscard]] std::int64_t position() const {
    return std::min({customers.position, subscriptions.position, ledger.position});
  }
};

// The page's customers with two values joined in by looks into an index a row. The CASE keeps `status` out of
// the choice of an index: there may be many active subscriptions, but not many of one customer.
storage::Rows ReadCustomers(storage::Session& session, const LiveModels& live, const CustomerFilter& filter,
                            const std::optional<std::string>& id, const PageRequest& request) {
  Where where;
  where.Equal("c.generation", live.customers.generation);
  where.Equal("c.tenant", filter.tenant);
  where.EqualIf("c.id", id);
  where.EqualIf("c.account", filter.account);
  if (filter.email) where.Equal("c.email_key", Customers::EmailKey(*filter.email));
  if (filter.deleted) where.Equal("c.deleted", std::int64_t{*filter.deleted});
  if (filter.livemode) where.Equal("c.livemode", std::int64_t{*filter.livemode});
  if (!request.after.empty()) {
    const std::string after_id = where.Bind(request.after[0]);
    where.And("(c.id, c.row_key) > (" + after_id + ", " + where.Bind(request.after[1]) + ")");
  }
  const auto of_customer = [&](const std::string& table, std::int64_t generation) {
    return table + ".generation = " + where.Bind(generation) + " AND " + table + ".tenant = c.tenant AND " +
           table + ".customer = c.id AND " + table + ".livemode = c.livemode AND " + table +
           ".account = c.account";
  };
  const std::string active_subscriptions =
      "(SELECT count(CASE WHEN s.status = 'active' THEN 1 END) FROM subscriptions s WHERE " +
      of_customer("s", live.subscriptions.generation) + ")";
  const std::string last_payment =
      "(SELECT e.body FROM ledger_entries e WHERE " + of_customer("e", live.ledger.generation) +
      " AND e.type IN ('payment', 'manual_payment') ORDER BY e.occurred_at DESC, "
      "e.id DESC LIMIT 1)";
  return session.Query("SELECT c.id, c.row_key, c.livemode, c.account, c.body, " + active_subscriptions +
                           ", " + last_payment + " FROM customers c" + where.sql() +
                           " ORDER BY c.id, c.row_key LIMIT " + std::to_string(request.limit + 1),
                       where.parameters());
}

// What each of the customers has brought in, in one query: one look into the index for each of them.
std::map<CustomerScope, Net> ReadLifetimeValues(storage::Session& session, const LiveModel& ledger,
                                                const std::string& tenant, const storage::Rows& customers) {
  std::set<std::pair<std::string, std::string>> ids;
  for (std::size_t i = 0; i < customers.size(); ++i) ids.emplace(customers.Text(i, 0), "");
  std::map<CustomerScope, Net> values;
  if (ids.empty()) return values;
  const storage::Rows sums = session.Query(
      "SELECT e.customer, e.livemode, e.account, e.currency, e.type, " + SumOf("e.amount") +
          " FROM PAIRS($1) CROSS JOIN ledger_entries e WHERE e.generation = $2 AND e.tenant = $3 AND "
          "e.customer = a GROUP BY e.customer, e.livemode, e.account, e.currency, e.type",
      {storage::PairList(ids.begin(), ids.end()), ledger.generation, tenant});
  for (std::size_t i = 0; i < sums.size(); ++i) {
    values[{sums.Text(i, 0), sums.Int(i, 1), sums.Text(i, 2)}][sums.Text(i, 3)] +=
        SumIn(sums, i, 5) * SignOf(sums.Text(i, 4));
  }
  return values;
}

// {"usd":123}, written by hand since a JSON number may be longer than any integer type.
std::string LifetimeValueText(const Net& net) {
  std::string text = "{";
  for (const auto& [currency, amount] : net) {
    text.append(text.size() > 1 ? "," : "").append(nlohmann::json(currency).dump());
    text.append(":").append(ToDecimal(amount));
  }
  return text + "}";
}

std::string LastPaymentText(const std::optional<std::string>& entry_body) {
  if (!entry_body) return "null";
  const nlohmann::ordered_json entry = nlohmann::ordered_json::parse(*entry_body);
  return nlohmann::ordered_json({{"id", entry.at("id")},
                                 {"amount", entry.at("amount")},
                                 {"currency", entry.at("currency")},
                                 {"occurred_at", entry.at("occurred_at")}})
      .dump();
}

std::string LastPaymentText(const std::optional<LastPayment>& payment) {
  if (!payment) return "null";
  return nlohmann::ordered_json({{"id", payment->id},
                                 {"amount", payment->amount},
                                 {"currency", payment->currency},
                                 {"occurred_at", FormatRfc3339(payment->occurred_at)}})
      .dump();
}

// The customer as callers see it.
std::string Joined(std::string body, std::int64_t active_subscriptions, const Net& lifetime_value,
                   const std::string& last_payment) {
  BILLHOOK_CHECK(body.ends_with('}'));
  body.pop_back();
  body.append(R"(,"active_subscriptions":)").append(std::to_string(active_subscriptions));
  body.append(R"(,"lifetime_value":)").append(LifetimeValueText(lifetime_value));
  body.append(R"(,"last_payment":)").append(last_payment).append("}");
  return body;
}

Page ReadOnBranch(storage::Session& session, const LiveModels& live, const CustomerFilter& filter,
                  const std::optional<std::string>& id, const PageRequest& request) {
  const BranchObjects objects = CustomersOnBranch(filter.tenant, filter.timeline, live.customers);
  const Table& table = Customers::kTable;
  std::optional<std::string> email_key;
  if (filter.email) email_key = Customers::EmailKey(*filter.email);
  const auto wanted = [&](const Row& row) {
    return Has(table, row, "account", filter.account) && Has(table, row, "livemode", filter.livemode) &&
           Has(table, row, "deleted", filter.deleted) && Has(table, row, "email_key", email_key);
  };
  ListedRows listed;
  if (id) {
    listed.rows = RowsOf(session, objects, {*id});
    std::erase_if(listed.rows, [&](const Row& row) { return !wanted(row); });
  } else {
    listed = ListRows(session, objects, wanted, request.after, request.limit);
  }
  std::vector<std::string> ids;
  for (const Row& row : listed.rows) ids.push_back(TextIn(table, row, "id"));
  const LiveFigures others = {live.subscriptions, live.ledger, LiveModelOf(session, "customer_timeline")};
  const std::map<CustomerScope, CustomerFigures> figures =
      FiguresOnBranch(session, others, filter.tenant, filter.timeline, ids);
  Page page;
  page.position = filter.timeline.branch()->head;
  for (const Row& row : listed.rows) {
    const std::string& customer = TextIn(table, row, "id");
    const auto told = figures.find(
        {customer, std::get<std::int64_t>(row[table.IndexOf("livemode")]), TextIn(table, row, "account")});
    const CustomerFigures of_row = told == figures.end() ? CustomerFigures() : told->second;
    std::string body = Joined(TextIn(table, row, "body"), of_row.active_subscriptions, of_row.lifetime_value,
                              LastPaymentText(of_row.last_payment));
    if (!AddToPage(page, request, std::move(body), {customer, TextIn(table, row, "row_key")})) return page;
  }
  page.has_more = listed.go_on.has_value();
  if (listed.go_on) page.last = *listed.go_on;
  return page;
}

Page Read(storage::Database& database, const CustomerFilter& filter, const std::optional<std::string>& id,
          const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModels live = {LiveModelOf(*session, "customers"), LiveModelOf(*session, "subscriptions"),
                           LiveModelOf(*session, "payment_ledger")};
  if (filter.timeline.branch()) return ReadOnBranch(*session, live, filter, id, request);
  storage::Rows rows = ReadCustomers(*session, live, filter, id, request);
  const std::map<CustomerScope, Net> values = ReadLifetimeValues(*session, live.ledger, filter.tenant, rows);
  transaction.Commit();

  Page page;
  page.position = live.position();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto value = values.find({rows.Text(i, 0), rows.Int(i, 2), rows.Text(i, 3)});
    std::string body =
        Joined(rows.TakeText(i, 4), rows.Int(i, 5), value == values.end() ? Net() : value->second,
               LastPaymentText(rows.OptionalText(i, 6)));
    if (!AddToPage(page, request, std::move(body), {rows.Text(i, 0), rows.Text(i, 1)})) break;
  }
  return page;
}

}  // namespace

Page ListCustomers(storage::Database& database, const CustomerFilter& filter, const PageRequest& request) {
  return Read(database, filter, std::nullopt, request);
}

Page FindCustomer(storage::Database& database, const std::string& id, const CustomerFilter& filter) {
  return Read(database, filter, id, {kMaxHomonyms, {}});
}

}  // namespace billhook::query
