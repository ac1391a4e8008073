#include "service/query/ledger_query.h"

#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "domain/money.h"
#include "service/query/where.h"

namespace billhook::query {
namespace {

// Engines sum in 64 bits or worse: amounts are summed in two halves, which stay small, and put together in
// 128 bits.
constexpr std::int64_t kHalf = 1'000'000'000;

Where Conditions(const LedgerFilter& filter, const LiveModel& live) {
  Where where;
  where.Equal("generation", live.generation);
  where.Equal("tenant", filter.tenant);
  where.EqualIf("customer", filter.customer);
  where.EqualIf("currency", filter.currency);
  where.EqualIf("type", filter.type);
  where.EqualIf("source", filter.source);
  where.EqualIf("account", filter.account);
  if (filter.livemode) where.Equal("livemode", std::int64_t{*filter.livemode});
  if (filter.from) where.And("occurred_at >= " + where.Bind(*filter.from));
  if (filter.to) where.And("occurred_at <= " + where.Bind(*filter.to));
  return where;
}

struct Balance {
  std::map<std::string, Int128> by_type;
  std::map<std::string, Int128> accounts = {{"stripe_balance", 0}, {"payments", 0},   {"refunds", 0},
                                            {"disputes", 0},       {"fees", 0},       {"bank", 0},
                                            {"external", 0},       {"adjustments", 0}};
  std::int64_t entries = 0;

  [[nodiscard]] Int128 Of(const char* type) const {
    const auto sum = by_type.find(type);
    return sum == by_type.end() ? 0 : sum->second;
  }
};

using BalanceKey = std::tuple<std::string, std::int64_t, std::string>;  // currency, livemode, account

// Written by hand, since a JSON number may be longer than any integer type.
std::string BodyText(const BalanceKey& key, const Balance& balance) {
  const auto& [currency, livemode, account] = key;
  const Int128 gross = balance.Of("payment") + balance.Of("manual_payment");
  const Int128 net =
      gross - balance.Of("refund") - balance.Of("dispute") - balance.Of("fee") + balance.Of("adjustment");
  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::string body = R"({"currency":)" + quoted(currency) + R"(,"livemode":)" +
                     (livemode != 0 ? "true" : "false") + R"(,"account":)" +
                     (account.empty() ? "null" : quoted(account));
  const auto put = [&body](const char* name, Int128 amount) {
    body.append(",\"").append(name).append("\":").append(ToDecimal(amount));
  };
  put("gross", gross);
  put("refunded", balance.Of("refund"));
  put("disputed", balance.Of("dispute"));
  put("fees", balance.Of("fee"));
  put("adjusted", balance.Of("adjustment"));
  put("net", net);
  put("paid_out", balance.Of("payout"));
  put("entries", balance.entries);
  body += R"(,"accounts":{)";
  const char* separator = "";
  for (const auto& [name, amount] : balance.accounts) {
    body.append(separator).append("\"").append(name).append("\":").append(ToDecimal(amount));
    separator = ",";
  }
  return body + "}}";
}

}  // namespace

Page ListEntries(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  return ReadRows(*session, "ledger_entries", Conditions(filter, live), request, live.position);
}

Page ListBalances(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  Where where = Conditions(filter, live);
  std::string_view table = "ledger_entries";
  if (filter.as_of) {
    table =
        filter.as_of->axis == AsOf::Axis::kOccurred ? "ledger_entries_occurred" : "ledger_entries_recorded";
    const std::string at = where.Bind(filter.as_of->at);
    where.And("since <= " + at + " AND until > " + at);
  }
  const std::string half = std::to_string(kHalf);
  const storage::Rows rows =
      session->Query("SELECT currency, livemode, account, type, debit, credit, count(*), sum(amount / " +
                         half + "), sum(amount % " + half + ") FROM " + std::string(table) + where.sql() +
                         " GROUP BY currency, livemode, account, type, debit, credit",
                     where.parameters());
  transaction.Commit();

  std::map<BalanceKey, Balance> balances;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Balance& balance = balances[{rows.Text(i, 0), rows.Int(i, 1), rows.Text(i, 2)}];
    const Int128 sum = Int128{rows.Int(i, 7)} * kHalf + rows.Int(i, 8);
    balance.by_type[rows.Text(i, 3)] += sum;
    balance.accounts[rows.Text(i, 4)] += sum;
    balance.accounts[rows.Text(i, 5)] -= sum;
    balance.entries += rows.Int(i, 6);
  }
  Page page;
  page.position = live.position;
  for (const auto& [key, balance] : balances) {
    const auto& [currency, livemode, account] = key;
    const Key cursor = {currency, std::to_string(livemode), account};
    if (!request.after.empty() && cursor <= request.after) continue;
    if (!AddToPage(page, request, BodyText(key, balance), cursor)) break;
  }
  return page;
}

}  // namespace billhook::query
