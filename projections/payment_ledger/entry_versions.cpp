#include "projections/payment_ledger/entry_versions.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "domain/sha256.h"
#include "projections/body_json.h"

namespace billhook::ledger {
namespace {

std::vector<Column> EntryColumns(std::vector<Column> more) {
  std::vector<Column> columns = {{"row_key"},
                                 {"owner_key"},
                                 {"tenant"},
                                 {"id"},
                                 {"type"},
                                 {"source"},
                                 {"amount", ColumnType::kInteger},
                                 {"currency"},
                                 {"livemode", ColumnType::kInteger},
                                 {"account"},
                                 {"customer"},
                                 {"debit"},
                                 {"credit"},
                                 {"occurred_at", ColumnType::kInteger}};
  columns.insert(columns.end(), more.begin(), more.end());
  return columns;
}

const std::vector<Column> kStretch = {{"since", ColumnType::kInteger}, {"until", ColumnType::kInteger}};

}  // namespace

const Table kEntriesTable = {"ledger_entries", EntryColumns({{"body"}})};
const Table kOccurredTable = {"ledger_entries_occurred", EntryColumns(kStretch)};
const Table kRecordedTable = {"ledger_entries_recorded", EntryColumns(kStretch)};

namespace {

const std::string& TextIn(const Row& row, std::size_t column) {
  return std::get<std::string>(row[column]);
}

}  // namespace

Owner OwnerOf(const std::string& object_key) {
  return {object_key, ToHex(Sha256({object_key})).substr(0, 32)};
}

BookedEntry BookedFrom(const Entry& entry, const Scope& scope, const Owner& owner) {
  const std::string id = entry.type + ":" + entry.source;
  return {JoinKey({id, owner.digest}),
          {owner.key, scope.tenant, id, entry.type, entry.source, entry.amount, entry.currency,
           std::int64_t{scope.livemode}, scope.account, entry.customer ? Cell(*entry.customer) : Cell(),
           entry.debit, entry.credit, entry.occurred_at_s * kMicrosPerSecond}};
}

namespace {

void WritePosting(JsonWriter& body, const std::string& ledger_account, std::int64_t amount) {
  body.Begin();
  body.Field("ledger_account", ledger_account);
  body.Field("amount", amount);
  body.End();
}

// The entry as callers see it.
std::string BodyText(const Entry& entry, const Scope& scope) {
  JsonWriter body;
  body.Begin();
  body.Field("id", entry.type + ":" + entry.source);
  body.Field("type", entry.type);
  body.Field("source", entry.source);
  body.Field("amount", entry.amount);
  body.Field("currency", entry.currency);
  body.Field("livemode", scope.livemode);
  AccountField(body, scope.account);
  body.Field("customer", entry.customer);
  body.Field("payment_intent", entry.payment_intent);
  body.Field("charge", entry.charge);
  body.Field("invoice", entry.invoice);
  TimeField(body, "occurred_at", entry.occurred_at_s);
  body.Field("updated_by", entry.updated_by);
  body.BeginList("postings");
  WritePosting(body, entry.debit, entry.amount);
  WritePosting(body, entry.credit, -entry.amount);
  body.EndList();
  body.End();
  return body.TakeText();
}

}  // namespace

Row EntryRow(const Entry& entry, const Scope& scope, const Owner& owner) {
  BookedEntry booked = BookedFrom(entry, scope, owner);
  Row row = {std::move(booked.key)};
  row.insert(row.end(), std::make_move_iterator(booked.content.begin()),
             std::make_move_iterator(booked.content.end()));
  row.emplace_back(BodyText(entry, scope));
  return row;
}

EntryVersions::EntryVersions(const Table& table, std::vector<Row> rows) : table_(table) {
  const auto shared = static_cast<std::ptrdiff_t>(kEntriesTable.IndexOf("body"));
  const std::size_t since = table.IndexOf("since");
  const std::size_t until = table.IndexOf("until");
  for (Row& row : rows) {
    const std::string& row_key = TextIn(row, 0);
    const std::string entry_key = row_key.substr(0, row_key.rfind('\x1f'));
    versions_[TextIn(row, 1)][entry_key].push_back({{row.begin() + 1, row.begin() + shared},
                                                    std::get<std::int64_t>(row[since]),
                                                    std::get<std::int64_t>(row[until])});
    before_.emplace(row_key, std::move(row));
  }
  for (auto& [owner, entries] : versions_) {
    for (auto& [entry, versions] : entries) {
      std::sort(versions.begin(), versions.end(),
                [](const Version& a, const Version& b) { return a.since < b.since; });
    }
  }
}

void EntryVersions::Rewind(const std::string& owner_key, UnixMicros at) {
  for (auto& [entry, versions] : versions_[owner_key]) {
    while (!versions.empty() && versions.back().since >= at) versions.pop_back();
    if (!versions.empty()) versions.back().until = std::min(versions.back().until, at);
  }
}

void EntryVersions::Observe(const std::string& owner_key, UnixMicros at, std::vector<BookedEntry> entries) {
  std::map<std::string, Versions>& known = versions_[owner_key];
  std::set<std::string> standing;
  for (BookedEntry& entry : entries) {
    Versions& versions = known[entry.key];
    standing.insert(std::move(entry.key));
    if (!versions.empty() && versions.back().until >= at && versions.back().content == entry.content) {
      versions.back().until = kOpen;
      continue;
    }
    if (!versions.empty()) versions.back().until = std::min(versions.back().until, at);
    versions.push_back({std::move(entry.content), at, kOpen});
  }
  for (auto& [key, versions] : known) {
    if (standing.count(key) == 0 && !versions.empty())
      versions.back().until = std::min(versions.back().until, at);
  }
}

void EntryVersions::WriteDifferences(Changes& changes) const {
  std::set<std::string> kept;
  for (const auto& [owner, entries] : versions_) {
    for (const auto& [entry, versions] : entries) {
      for (const Version& version : versions) {
        Row row = {JoinKey({entry, std::to_string(version.since)})};
        row.insert(row.end(), version.content.begin(), version.content.end());
        row.push_back(version.since);
        row.push_back(version.until);
        const std::string& key = TextIn(row, 0);
        kept.insert(key);
        const auto was = before_.find(key);
        if (was == before_.end() || was->second != row) changes.Put(table_, std::move(row));
      }
    }
  }
  for (const auto& [key, row] : before_) {
    if (kept.count(key) == 0) changes.Remove(table_, key);
  }
}

}  // namespace billhook::ledger
