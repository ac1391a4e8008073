#include "projections/account_balance.h"

#include <algorithm>

#include "domain/aggregates.h"
#include "domain/prepaid_account.h"
#include "projections/body_json.h"
#include "projections/in_order.h"

namespace billhook {

const Table AccountBalance::kTable = {
    "account_balance",
    {{"row_key"}, {"tenant"}, {"id"}, {"version", ColumnType::kInteger}, {"state"}, {"body"}}};

namespace {

struct Account {
  std::int64_t version = 0;  // of the last event that counted
  Json state;
  OrderedJson transactions = OrderedJson::array();  // the newest ones, the oldest first

  static bool IsToldBy(const Event& event) {
    return event.source != Source::kStripe && event.aggregate_type == prepaid_account::kAggregateType;
  }
  std::optional<std::string> Take(const RecordedEvent& recorded);
};

Account AccountFrom(const Row& row) {
  return {std::get<std::int64_t>(row[AccountBalance::kTable.IndexOf("version")]),
          Json::parse(std::get<std::string>(row[AccountBalance::kTable.IndexOf("state")])),
          OrderedJson::parse(std::get<std::string>(row[AccountBalance::kTable.IndexOf("body")]))
              .at("transactions")};
}

Row RowOf(const std::string& key, const Event& event, const Account& account) {
  const Json& state = account.state;
  const OrderedJson body = {{"account_id", event.aggregate_id}, {"owner", state.at("owner")},
                            {"currency", state.at("currency")}, {"balance", state.at("balance")},
                            {"status", state.at("status")},     {"transactions", account.transactions}};
  return {key, event.tenant, event.aggregate_id, account.version, state.dump(), body.dump()};
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

std::optional<std::string> Account::Take(const RecordedEvent& recorded) {
  const std::vector<std::string_view> known = AccountBalance().payloads();
  if (std::find(known.begin(), known.end(), recorded.event.event_type) == known.end())
    return "an account knows no event of this type";
  Result<Json, std::string> after = EvolveStrictly(state, recorded.event);
  if (!after) return after.error();
  const std::int64_t before = state.is_null() ? 0 : state.at("balance").get<std::int64_t>();
  state = *std::move(after);
  version = recorded.version;
  NoteTransaction(*this, recorded, before);
  return std::nullopt;
}

}  // namespace

Changes AccountBalance::Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const {
  std::map<std::string, std::vector<const RecordedEvent*>> events;
  std::vector<std::string> keys;
  for (const RecordedEvent& recorded : batch) {
    if (!Account::IsToldBy(recorded.event)) continue;
    const std::string key = JoinKey({recorded.event.tenant, recorded.event.aggregate_id});
    events[key].push_back(&recorded);
    if (events[key].size() == 1) keys.push_back(key);
  }
  std::map<std::string, Account> accounts;
  for (const Row& row : read_model.Find(kTable, "row_key", keys))
    accounts[std::get<std::string>(row.front())] = AccountFrom(row);

  Changes changes;
  for (const auto& [key, own] : events) {
    const std::optional<Account> after = AfterInOrder(std::move(accounts[key]), own, read_model, changes);
    if (after) changes.Put(kTable, RowOf(key, own.front()->event, *after));
  }
  return changes;
}

}  // namespace billhook
