#include "service/query/ledger_query.h"

#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "domain/money.h"
#include "projections/payment_ledger/entry_versions.h"
#include "service/query/branch_ledger.h"
#include "service/query/branch_objects.h"
#include "service/query/where.h"

namespace billhook::query {
namespace {

// Engines sum in 64 bits or worse: amounts are summed in two halves, which stay small, and put together in
// 128 bits.
constexpr std::int64_t kHalf = 1'000'000'000;

const std::string kHistory = "ledger_entries_recorded";

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

  void Add(const std::string& type, const std::string& debit, const std::string& credit, Int128 amount,
           std::int64_t count) {
    by_type[type] += amount;
    accounts[debit] += amount;
    accounts[credit] -= amount;
    entries += count;
  }
  [[nodiscard]] Int128 Of(const char* type) const {
    const auto sum = by_type.find(type);
    return sum == by_type.end() ? 0 : sum->second;
  }
};

using BalanceKey = std::tuple<std::string, std::int64_t, std::string>;  // currency, livemode, account
using Balances = std::map<BalanceKey, Balance>;

// Adds the sums over the entries that the conditions let through, or takes them away (`sign` 1 or -1).
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

// Conditions, on the histories, for what stood at the fork.
Where AtFork(const LedgerFilter& filter, const LiveModel& live, const BranchLedger& branch) {
  Where where = Conditions(filter, live);
  const std::string at = where.Bind(*branch.forked_at());
  where.And("since <= " + at + " AND until > " + at);
  return where;
}

// Whether an entry that was computed passes the filter, as Conditions would let it through.
bool Passes(const LedgerFilter& filter, const Row& row) {
  const Table& table = ledger::kEntriesTable;
  const auto occurred_at = std::get<std::int64_t>(row[table.IndexOf("occurred_at")]);
  return Has(table, row, "customer", filter.customer) && Has(table, row, "currency", filter.currency) &&
         Has(table, row, "type", filter.type) && Has(table, row, "source", filter.source) &&
         Has(table, row, "account", filter.account) && Has(table, row, "livemode", filter.livemode) &&
         (!filter.from || occurred_at >= *filter.from) && (!filter.to || occurred_at <= *filter.to);
}

const std::string& TextIn(const Row& row, std::string_view column) {
  return std::get<std::string>(row[ledger::kEntriesTable.IndexOf(column)]);
}

std::int64_t IntegerIn(const Row& row, std::string_view column) {
  return std::get<std::int64_t>(row[ledger::kEntriesTable.IndexOf(column)]);
}

// What stood at the fork, less what the branch touches, and what that is on the branch.
Balances BalancesOnBranch(storage::Session& session, const LedgerFilter& filter, const LiveModel& live) {
  constexpr std::size_t kOwnersAtATime = 1'000;
  const BranchLedger branch(session, live, filter.tenant, filter.timeline);
  Balances balances;
  if (branch.forked_at()) {
    Sum(session, kHistory, AtFork(filter, live, branch), 1, balances);
    for (auto owner = branch.replaced().begin(); owner != branch.replaced().end();) {
      storage::PairList owners;
      for (; owner != branch.replaced().end() && owners.size() < kOwnersAtATime; ++owner)
        owners.emplace_back(*owner, "");
      Where where = AtFork(filter, live, branch);
      const std::string pairs = where.Bind(std::move(owners));
      where.And("owner_key = a");
      Sum(session, "PAIRS(" + pairs + ") CROSS JOIN " + kHistory, where, -1, balances);
    }
  }
  for (const auto& [key, row] : branch.entries()) {
    if (!Passes(filter, row)) continue;
    balances[{TextIn(row, "currency"), IntegerIn(row, "livemode"), TextIn(row, "account")}].Add(
        TextIn(row, "type"), TextIn(row, "debit"), TextIn(row, "credit"), IntegerIn(row, "amount"), 1);
  }
  std::erase_if(balances, [](const auto& balance) { return balance.second.entries == 0; });
  return balances;
}

// A page of entries on a branch: the database puts those that stood at the fork and those of the branch in
// one order.
class BranchEntries {
 public:
  BranchEntries(storage::Session& session, const LedgerFilter& filter, const LiveModel& live)
      : session_(session), branch_(session, live, filter.tenant, filter.timeline) {
    storage::PairList computed;
    for (const auto& [key, row] : branch_.entries()) {
      if (Passes(filter, row)) computed.emplace_back(TextIn(row, "id"), key);
    }
    Where where;
    if (branch_.forked_at()) where = AtFork(filter, live, branch_);
    std::string listed =
        "SELECT a AS id, b AS row_key, '' AS owner_key, '' AS type, '' AS source FROM PAIRS(" +
        where.Bind(std::move(computed)) + ")";
    if (branch_.forked_at())
      listed += " UNION ALL SELECT id, row_key, owner_key, type, source FROM " + kHistory + where.sql();
    sql_ = "SELECT id, row_key, owner_key, type, source FROM (" + listed + ") AS listed";
    parameters_ = where.parameters();
  }

  Page Read(const PageRequest& request) {
    Page page;
    Key after = request.after;
    for (;;) {
      const std::size_t chunk = request.limit + 1;
      const std::vector<Listed> listed = Next(after, chunk);
      std::vector<EntryAtFork> standing;
      for (const Listed& entry : listed) {
        if (Stands(entry)) standing.push_back(entry.entry);
      }
      const std::map<std::string, std::string> bodies = branch_.BodiesOf(standing);
      for (const Listed& entry : listed) {
        const bool computed = entry.entry.owner_key.empty();
        if (!computed && !Stands(entry)) continue;
        std::string body =
            computed ? TextIn(branch_.entries().at(entry.key[1]), "body") : bodies.at(entry.entry.row_key);
        if (!AddToPage(page, request, std::move(body), entry.key)) return page;
      }
      if (listed.size() < chunk) return page;
      after = listed.back().key;
    }
  }

 private:
  struct Listed {
    Key key;
    EntryAtFork entry;  // without an owner: one that was computed
  };

  [[nodiscard]] bool Stands(const Listed& listed) const {
    const std::string& owner = listed.entry.owner_key;
    return !owner.empty() && branch_.replaced().count(owner) == 0;
  }

  std::vector<Listed> Next(const Key& after, std::size_t limit) {
    storage::Parameters parameters = parameters_;
    std::string sql = sql_;
    if (!after.empty()) {
      for (const std::string& part : after) parameters.emplace_back(part);
      const std::size_t count = parameters.size();
      sql += " WHERE (id, row_key) > ($" + std::to_string(count - 1) + ", $" + std::to_string(count) + ")";
    }
    storage::Rows rows =
        session_.Query(sql + " ORDER BY id, row_key LIMIT " + std::to_string(limit), parameters);
    std::vector<Listed> listed;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string& key = rows.Text(i, 1);
      // In a history the key ends with the moment from which the entry stood so.
      listed.push_back(
          {{rows.Text(i, 0), key},
           {key.substr(0, key.rfind('\x1f')), rows.Text(i, 2), rows.Text(i, 3), rows.Text(i, 4)}});
    }
    return listed;
  }

  storage::Session& session_;
  BranchLedger branch_;
  std::string sql_;
  storage::Parameters parameters_;
};

}  // namespace

Page ListEntries(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  if (filter.timeline.branch()) {
    Page page = BranchEntries(*session, filter, live).Read(request);
    page.position = PositionOf(filter.timeline, live);
    return page;
  }
  return ReadRows(*session, "ledger_entries", Conditions(filter, live), request, live.position);
}

Page ListBalances(storage::Database& database, const LedgerFilter& filter, const PageRequest& request) {
  storage::Database::Lease session = database.Acquire(storage::Purpose::kRead);
  storage::Transaction transaction(*session);
  session->BeginRead();
  const LiveModel live = LiveModelOf(*session, "payment_ledger");
  Balances balances;
  if (filter.timeline.branch()) {
    balances = BalancesOnBranch(*session, filter, live);
  } else {
    Where where = Conditions(filter, live);
    std::string table = "ledger_entries";
    if (filter.as_of) {
      table = filter.as_of->axis == AsOf::Axis::kOccurred ? "ledger_entries_occurred" : kHistory;
      const std::string at = where.Bind(filter.as_of->at);
      where.And("since <= " + at + " AND until > " + at);
    }
    Sum(*session, table, where, 1, balances);
  }
  transaction.Commit();

  Page page;
  page.position = PositionOf(filter.timeline, live);
  for (const auto& [key, balance] : balances) {
    const auto& [currency, livemode, account] = key;
    const Key cursor = {currency, std::to_string(livemode), account};
    if (!request.after.empty() && cursor <= request.after) continue;
    if (!AddToPage(page, request, BodyText(key, balance), cursor)) break;
  }
  return page;
}

}  // namespace billhook::query
