#include "projections/account_balance.h"

#include <algorithm>

#include "domain/aggregates.h"
#include "domain/prepaid_account.h"
#include "projections/body_json.h"

namespace billhook {

const Table AccountBalance::kTable = {
    "account_balance",
    {{"row_key"}, {"tenant"}, {"id"}, {"version", ColumnType::kInteger}, {"state"}, {"body"}}};

namespace {

struct Account {
  std::string tenant;
  std::string id;
  std::int64_t version = 0;  // of the last event that counted
  Json state;
  OrderedJson transactions = OrderedJson::array();  // the newest ones, the oldest first
};

Account AccountFrom(const Row& row) {
  const auto text = [&row](std::string_view column) -> const std::string& {
    return std::get<std::string>(row[AccountBalance::kTable.IndexOf(column)]);
  };
  return {text("tenant"), text("id"), std::get<std::int64_t>(row[AccountBalance::kTable.IndexOf("version")]),
          Json::parse(text("state")), OrderedJson::parse(text("body")).at("transactions")};
}

Row RowOf(const std::string& key, const Account& account) {
  const Json& state = account.state;
  const OrderedJson body = {{"account_id", account.id},         {"owner", state.at("owner")},
                            {"currency", state.at("currency")}, {"balance", state.at("balance")},
                            {"status", state.at("status")},     {"transactions", account.transactions}};
  return {key, account.tenant, account.id, account.version, state.dump(), body.dump()};
}

std::string_view TransactionTypeOf(std::string_view event_type) {
  if (event_type == "MoneyDeposited") return "deposit";
  if (event_type == "MoneyWithdrawn") return "withdrawal";
  if (event_type == "MoneyRefunded") return "refund";
  return "opening";
}

// What the event moved is the difference that it made, whatever its data say besides.
void NoteTransaction(Account& account, const RecordedEvent& recorded, std::int64_t before) {
  const std::int64_t balance = account.state.at("balance").get<std::int64_t>();
  if (balance == before) return;
  account.transactions.push_back({{"type", TransactionTypeOf(recorded.event.event_type)},
                                  {"amount", std::max(balance, before) - std::min(balance, before)},
                                  {"balance", balance},
                                  {"event_id", recorded.event.id},
                                  {"version", recorded.version},
                                  {"occurred_at", FormatRfc3339(recorded.event.occurred_at)}});
  if (account.transactions.size() > AccountBalance::kTransactionsShown) account.transactions.erase(0);
}

}  // namespace

Changes AccountBalance::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  Changes changes;
  std::vector<const RecordedEvent*> own;
  std::map<std::string, Account> accounts;
  std::vector<std::string> keys;
  for (const RecordedEvent& recorded : batch) {
    const Event& event = recorded.event;
    if (event.source == Source::kStripe || event.aggregate_type != prepaid_account::kAggregateType) continue;
    own.push_back(&recorded);
    std::string key = JoinKey({event.tenant, event.aggregate_id});
    if (accounts.emplace(key, Account{event.tenant, event.aggregate_id, 0, Json(), OrderedJson::array()})
            .second)
      keys.push_back(std::move(key));
  }
  for (const Row& row : read_model.Find(kTable, "row_key", keys))
    accounts.at(std::get<std::string>(row.front())) = AccountFrom(row);

  for (const RecordedEvent* recorded : own) {
    const std::string key = JoinKey({recorded->event.tenant, recorded->event.aggregate_id});
    Account& account = accounts.at(key);
    if (recorded->version <= account.version) {
      changes.dead_letters.push_back({recorded, "the account's later events have counted already"});
      continue;
    }
    const std::vector<std::string_view> known = payloads();
    if (std::find(known.begin(), known.end(), recorded->event.event_type) == known.end()) {
      changes.dead_letters.push_back({recorded, "an account knows no event of this type"});
      continue;
    }
    Result<Json, std::string> after = EvolveStrictly(account.state, recorded->event);
    if (!after) {
      changes.dead_letters.push_back({recorded, after.error()});
      continue;
    }
    const std::int64_t before = account.state.is_null() ? 0 : account.state.at("balance").get<std::int64_t>();
    account.state = *std::move(after);
    account.version = recorded->version;
    NoteTransaction(account, *recorded, before);
    changes.Put(kTable, RowOf(key, account));
  }
  return changes;
}

}  // namespace billhook
