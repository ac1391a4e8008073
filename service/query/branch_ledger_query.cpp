#include "service/query/branch_ledger_query.h"

#include "projections/payment_ledger/entry_versions.h"
#include "service/query/branch_ledger.h"
#include "service/query/branch_objects.h"

namespace billhook::query {
namespace {

// Whether an entry that was computed passes the filter, as Conditions would let it through. The tables share
// their first columns.
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

// What is told beside the branch, less what the branch touches, and what that is on the branch.
class BranchBalances {
 public:
  BranchBalances(storage::Session& session, const LedgerFilter& filter, const LiveModel& live)
      : session_(session), filter_(filter), live_(live) {}

  Balances Read() {
    if (!filter_.as_of) return Now(filter_.timeline);
    if (filter_.as_of->axis == AsOf::Axis::kOccurred) return AsTrueThen();
    return AsKnownThen();
  }

 private:
  Balances Now(const storage::Timeline& timeline) {
    const BranchLedger branch(session_, live_, filter_.tenant, timeline);
    Balances balances;
    if (branch.forked_at()) AddUntouched(branch, kRecordedHistory, *branch.forked_at(), balances);
    for (const auto& [key, row] : branch.entries()) Add(row, balances);
    return Rid(std::move(balances));
  }

  Balances AsTrueThen() {
    const UnixMicros then = filter_.as_of->at;
    const BranchLedger branch(session_, live_, filter_.tenant, filter_.timeline,
                              BranchLedger::Told::kOverTime);
    Balances balances;
    AddUntouched(branch, kOccurredHistory, then, balances);
    const Table& table = ledger::kOccurredTable;
    for (const auto& [key, row] : branch.entries()) {
      if (std::get<std::int64_t>(row[table.IndexOf("since")]) <= then &&
          std::get<std::int64_t>(row[table.IndexOf("until")]) > then)
        Add(row, balances);
    }
    return Rid(std::move(balances));
  }

  // The branch's events are recorded behind the fork, in order.
  Balances AsKnownThen() {
    const UnixMicros then = filter_.as_of->at;
    const auto& [id, fork, head] = *filter_.timeline.branch();
    const storage::Rows last = session_.Query("SELECT recorded_at FROM events WHERE position = $1", {fork});
    if (!last.empty() && last.Int(0, 0) > then) {
      Balances balances;
      Sum(session_, kRecordedHistory, StoodAt(filter_, live_, then), 1, balances);
      return balances;
    }
    const std::int64_t known =
        session_
            .Query(
                "SELECT count(*) FROM branch_events WHERE branch = $1 AND position <= $2 AND "
                "recorded_at <= $3",
                {id, head, then})
            .Int(0, 0);
    return Now({id, fork, fork + known});
  }

  void AddUntouched(const BranchLedger& branch, const std::string& history, UnixMicros then,
                    Balances& balances) {
    constexpr std::size_t kOwnersAtATime = 1'000;
    Sum(session_, history, StoodAt(filter_, live_, then), 1, balances);
    for (auto owner = branch.replaced().begin(); owner != branch.replaced().end();) {
      storage::PairList owners;
      for (; owner != branch.replaced().end() && owners.size() < kOwnersAtATime; ++owner)
        owners.emplace_back(*owner, "");
      Where where = StoodAt(filter_, live_, then);
      const std::string pairs = where.Bind(std::move(owners));
      where.And("owner_key = a");
      Sum(session_, "PAIRS(" + pairs + ") CROSS JOIN " + history, where, -1, balances);
    }
  }

  void Add(const Row& row, Balances& balances) {
    if (!Passes(filter_, row)) return;
    balances[{TextIn(row, "currency"), IntegerIn(row, "livemode"), TextIn(row, "account")}].Add(
        TextIn(row, "type"), TextIn(row, "debit"), TextIn(row, "credit"), IntegerIn(row, "amount"), 1);
  }

  static Balances Rid(Balances balances) {
    std::erase_if(balances, [](const auto& balance) { return balance.second.entries == 0; });
    return balances;
  }

  storage::Session& session_;
  const LedgerFilter& filter_;
  const LiveModel& live_;
};

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
    if (branch_.forked_at()) where = StoodAt(filter, live, *branch_.forked_at());
    std::string listed =
        "SELECT a AS id, b AS row_key, '' AS owner_key, '' AS type, '' AS source FROM PAIRS(" +
        where.Bind(std::move(computed)) + ")";
    if (branch_.forked_at())
      listed +=
          " UNION ALL SELECT id, row_key, owner_key, type, source FROM " + kRecordedHistory + where.sql();
    sql_ = "SELECT id, row_key, owner_key, type, source FROM (" + listed + ") AS listed";
    parameters_ = where.parameters();
  }

  std::vector<KeyedEntry> Read(Key after, std::size_t limit) {
    std::vector<KeyedEntry> entries;
    for (;;) {
      const std::vector<Listed> listed = Next(after, limit);
      std::vector<EntryAtFork> standing;
      for (const Listed& entry : listed) {
        if (Stands(entry)) standing.push_back(entry.entry);
      }
      const std::map<std::string, std::string> bodies = branch_.BodiesOf(standing);
      for (const Listed& entry : listed) {
        const bool computed = entry.entry.owner_key.empty();
        if (!computed && !Stands(entry)) continue;
        entries.push_back({entry.key, computed ? TextIn(branch_.entries().at(entry.key[1]), "body")
                                               : bodies.at(entry.entry.row_key)});
        if (entries.size() == limit) return entries;
      }
      if (listed.size() < limit) return entries;
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

Balances BalancesOnBranch(storage::Session& session, const LedgerFilter& filter, const LiveModel& live) {
  return BranchBalances(session, filter, live).Read();
}

std::vector<KeyedEntry> EntriesOnBranch(storage::Session& session, const LedgerFilter& filter,
                                        const LiveModel& live, const Key& after, std::size_t limit) {
  return BranchEntries(session, filter, live).Read(after, limit);
}

}  // namespace billhook::query
