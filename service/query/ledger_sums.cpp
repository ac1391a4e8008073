#include "service/query/ledger_sums.h"

#include <nlohmann/json.hpp>

#include "service/query/amount_sums.h"

namespace billhook::query {

const std::string kRecordedHistory = "ledger_entries_recorded";
const std::string kOccurredHistory = "ledger_entries_occurred";

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

int SignOf(const std::string& entry_type) {
  if (IsPayment(entry_type) || entry_type == "adjustment") return 1;
  if (entry_type == "refund" || entry_type == "dispute" || entry_type == "fee") return -1;
  return 0;
}

bool IsPayment(const std::string& entry_type) {
  return entry_type == "payment" || entry_type == "manual_payment";
}

void Balance::Add(const std::string& type, const std::string& debit, const std::string& credit, Int128 amount,
                  std::int64_t count) {
  by_type[type] += amount;
  accounts[debit] += amount;
  accounts[credit] -= amount;
  entries += count;
}

Int128 Balance::Of(const char* type) const {
  const auto sum = by_type.find(type);
  return sum == by_type.end() ? 0 : sum->second;
}

void Sum(storage::Session& session, const std::string& from, const Where& where, int sign,
         Balances& balances) {
  const storage::Rows rows = session.Query(
      "SELECT currency, livemode, account, type, debit, credit, count(*), " + SumOf("amount") + " FROM " +
          from + where.sql() + " GROUP BY currency, livemode, account, type, debit, credit",
      where.parameters());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    balances[{rows.Text(i, 0), rows.Int(i, 1), rows.Text(i, 2)}].Add(
        rows.Text(i, 3), rows.Text(i, 4), rows.Text(i, 5), SumIn(rows, i, 7) * sign, rows.Int(i, 6) * sign);
  }
}

// Written by hand, since a JSON number may be longer than any integer type.
std::string BodyText(const BalanceKey& key, const Balance& balance) {
  const auto& [currency, livemode, account] = key;
  Int128 gross = 0;
  Int128 net = 0;
  for (const auto& [type, amount] : balance.by_type) {
    if (IsPayment(type)) gross += amount;
    net += amount * SignOf(type);
  }
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

Where StoodAt(const LedgerFilter& filter, const LiveModel& live, UnixMicros then) {
  Where where = Conditions(filter, live);
  const std::string at = where.Bind(then);
  where.And("since <= " + at + " AND until > " + at);
  return where;
}

}  // namespace billhook::query
