#include "service/query/ledger_sums.h"

#include <nlohmann/json.hpp>

namespace billhook::query {
namespace {

// Engines sum in 64 bits or worse: amounts are summed in two halves, which stay small, and put together in
// 128 bits.
constexpr std::int64_t kHalf = 1'000'000'000;

}  // namespace

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
  const std::string half = std::to_string(kHalf);
  const storage::Rows rows =
      session.Query("SELECT currency, livemode, account, type, debit, credit, count(*), sum(amount / " +
                        half + "), sum(amount % " + half + ") FROM " + from + where.sql() +
                        " GROUP BY currency, livemode, account, type, debit, credit",
                    where.parameters());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Int128 sum = (Int128{rows.Int(i, 7)} * kHalf + rows.Int(i, 8)) * sign;
    balances[{rows.Text(i, 0), rows.Int(i, 1), rows.Text(i, 2)}].Add(
        rows.Text(i, 3), rows.Text(i, 4), rows.Text(i, 5), sum, rows.Int(i, 6) * sign);
  }
}

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

Where StoodAt(const LedgerFilter& filter, const LiveModel& live, UnixMicros then) {
  Where where = Conditions(filter, live);
  const std::string at = where.Bind(then);
  where.And("since <= " + at + " AND until > " + at);
  return where;
}

}  // namespace billhook::query
