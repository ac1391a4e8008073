#include "tests/support/served_facts.h"

#include <chrono>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "domain/stripe/signature.h"
#include "domain/time.h"
#include "service/clock.h"
#include "tests/support/billhook_process.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;
using simulate::CustomerTruth;
using simulate::InvoiceTruth;
using simulate::LedgerTruth;
using simulate::RevenueTruth;
using simulate::SubscriptionTruth;
using simulate::Truth;

constexpr std::int64_t kSecondsADay = 86'400;
constexpr std::chrono::minutes kPatience{20};

// The member, or `otherwise` where it is missing, null or of another type.
template <typename T>
T ValueOr(const Json& object, const char* key, T otherwise) {
  if (!object.is_object()) return otherwise;
  const auto member = object.find(key);
  if (member == object.end() || member->is_null()) return otherwise;
  try {
    return member->get<T>();
  } catch (const Json::exception&) {
    return otherwise;
  }
}

std::string TextOf(const Json& object, const char* key) {
  return ValueOr<std::string>(object, key, "");
}

// What no sum comes to where there is none.
std::int64_t IntOf(const Json& object, const char* key) {
  return ValueOr(object, key, std::numeric_limits<std::int64_t>::min());
}

// Unix seconds, 0 for null.
std::int64_t TimeOf(const Json& object, const char* key) {
  return ParseRfc3339(TextOf(object, key)).value_or(0) / kMicrosPerSecond;
}

// Collects what is wrong with many rows and fails once, with the first few of it.
class Faults {
 public:
  void Add(const std::string& fault) {
    if (++count_ <= kShown) text_ += fault + "\n";
  }
  ~Faults() {
    if (count_ > kShown) text_ += "... and " + std::to_string(count_ - kShown) + " more";
    if (count_ > 0) ADD_FAILURE() << text_;
  }

 private:
  static constexpr std::size_t kShown = 5;
  std::size_t count_ = 0;
  std::string text_;
};

// Compares row by row, so that a failure names the one that differs. `differs` says how, or nothing.
template <typename Facts, typename Difference>
void ExpectRows(const std::string& kind, const std::vector<Json>& rows, const Facts& expected,
                Difference differs) {
  Faults faults;
  std::map<std::string, const Json*> found;
  for (const Json& row : rows) {
    const std::string id = TextOf(row, "id");
    if (!found.emplace(id, &row).second) faults.Add(kind + " " + id + " is there twice");
    if (expected.count(id) == 0) faults.Add(kind + " " + id + " never was");
  }
  for (const auto& [id, fact] : expected) {
    const auto row = found.find(id);
    if (row == found.end()) {
      faults.Add(kind + " " + id + " is missing");
    } else if (const std::string difference = differs(*row->second, fact); !difference.empty()) {
      faults.Add(kind + " " + id + ": " + difference + ", not " + row->second->dump());
    }
  }
}

std::string Expected(const char* what, const std::string& value) {
  return std::string(what) + " is " + value;
}

std::string DifferenceOf(const Json& row, const SubscriptionTruth& truth) {
  if (TextOf(row, "status") != truth.status) return Expected("status", truth.status);
  if (TextOf(row, "customer") != truth.customer) return Expected("customer", truth.customer);
  const Json mrr = truth.mrr ? Json(*truth.mrr) : Json(nullptr);
  if (!row.contains("mrr") || row["mrr"] != mrr) return Expected("mrr", mrr.dump());
  const auto items = static_cast<std::int64_t>(row.contains("items") ? row["items"].size() : 0);
  if (items != truth.items) return Expected("items", std::to_string(truth.items));
  return "";
}

std::string DifferenceOf(const Json& row, const InvoiceTruth& truth) {
  if (TextOf(row, "status") != truth.status) return Expected("status", truth.status);
  if (TextOf(row, "customer") != truth.customer) return Expected("customer", truth.customer);
  if (TextOf(row, "subscription") != truth.subscription) return Expected("subscription", truth.subscription);
  if (TextOf(row, "currency") != truth.currency) return Expected("currency", truth.currency);
  if (IntOf(row, "amount_due") != truth.amount_due)
    return Expected("amount_due", std::to_string(truth.amount_due));
  if (IntOf(row, "amount_paid") != truth.amount_paid)
    return Expected("amount_paid", std::to_string(truth.amount_paid));
  const std::int64_t remaining = truth.amount_due - truth.amount_paid;
  if (IntOf(row, "amount_remaining") != remaining)
    return Expected("amount_remaining", std::to_string(remaining));
  if (TimeOf(row, "paid_at") != truth.paid_at) return Expected("paid_at", std::to_string(truth.paid_at));
  if (ValueOr(row, "deleted", !truth.deleted) != truth.deleted)
    return Expected("deleted", truth.deleted ? "true" : "false");
  return "";
}

std::string DifferenceOf(const Json& row, const CustomerTruth& truth) {
  if (ValueOr(row, "deleted", !truth.deleted) != truth.deleted)
    return Expected("deleted", truth.deleted ? "true" : "false");
  if (IntOf(row, "active_subscriptions") != truth.active_subscriptions)
    return Expected("active_subscriptions", std::to_string(truth.active_subscriptions));
  std::map<std::string, std::int64_t> value;
  std::map<std::string, std::int64_t> found;
  for (const auto& [currency, ledger] : truth.ledger) value[currency] = ledger.net();
  const Json lifetime_value = ValueOr(row, "lifetime_value", Json::object());
  for (const auto& [currency, net] : lifetime_value.items()) found[currency] = net;
  for (auto* values : {&value, &found})  // a currency in which nothing remained may be named or not
    std::erase_if(*values, [](const auto& each) { return each.second == 0; });
  if (value != found) return Expected("lifetime_value", Json(value).dump());
  const Json last = ValueOr(row, "last_payment", Json(nullptr));
  if (!truth.last_payment) return last.is_null() ? "" : Expected("last_payment", "null");
  const bool same = IntOf(last, "amount") == truth.last_payment->amount &&
                    TextOf(last, "currency") == truth.last_payment->currency &&
                    TimeOf(last, "occurred_at") == truth.last_payment->at;
  return same ? ""
              : Expected("last_payment", std::to_string(truth.last_payment->amount) + " at " +
                                             FormatRfc3339(truth.last_payment->at * kMicrosPerSecond));
}

std::string DifferenceOf(const Json& row, const LedgerTruth& truth) {
  const std::pair<const char*, std::int64_t> columns[] = {
      {"gross", truth.gross}, {"refunded", truth.refunded}, {"disputed", truth.disputed},
      {"fees", truth.fees},   {"paid_out", truth.paid_out}, {"net", truth.net()}};
  for (const auto& [column, sum] : columns) {
    if (IntOf(row, column) != sum) return Expected(column, std::to_string(sum)) + ", not " + row.dump();
  }
  return "";
}

std::string DifferenceOf(const Json& row, const RevenueTruth& truth, std::int64_t mrr) {
  const std::pair<const char*, std::int64_t> columns[] = {
      {"new", truth.started}, {"expansion", truth.expansion},       {"contraction", truth.contraction},
      {"churn", truth.churn}, {"reactivation", truth.reactivation}, {"mrr", mrr}};
  for (const auto& [column, amount] : columns) {
    if (IntOf(row, column) != amount) return Expected(column, std::to_string(amount)) + ", not " + row.dump();
  }
  return "";
}

}  // namespace

std::map<std::string, std::string> EnvironmentFor(const std::string& database_url) {
  return {{"STRIPE_WEBHOOK_SECRET", kServeSecret}, {"DATABASE_URL", database_url}, {"LOG_LEVEL", "info"}};
}

std::map<std::string, std::string> EnvironmentFor(const TestDatabase& database) {
  return EnvironmentFor(database.url());
}

std::optional<http::Response> PostEvent(http::Client& client, const std::string& body) {
  const std::string signature = stripe::SignatureHeader(kServeSecret, SystemClock() / kMicrosPerSecond, body);
  return client.Send("POST", "/webhooks/stripe", {{"Stripe-Signature", signature}}, body);
}

Json Get(const std::string& address, const std::string& path) {
  http::Client client(address);
  const std::optional<http::Response> response = client.Send("GET", path);
  if (!response || response->status != 200) {
    ADD_FAILURE() << path << ": " << (response ? response->body : client.error());
    return Json::object();
  }
  return Json::parse(response->body);
}

std::vector<Json> AllOf(const std::string& address, const std::string& path) {
  std::vector<Json> rows;
  const std::string page_path = path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=100";
  for (std::string cursor;;) {
    const Json page = Get(address, page_path + (cursor.empty() ? "" : "&cursor=" + cursor));
    if (!page.contains("data")) return rows;
    for (const Json& row : page["data"]) rows.push_back(row);
    if (!page["has_more"]) return rows;
    cursor = page["next_cursor"];
  }
}

void AwaitProjections(const std::string& address) {
  const std::string position =
      std::to_string(Get(address, "/api/v1/statistics")["latest_position"].get<std::int64_t>());
  const std::string path = "/api/v1/projections?limit=100&wait_ms=30000&min_position=" + position;
  http::Client client(address, std::chrono::milliseconds(60'000));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const std::optional<http::Response> response = client.Send("GET", path);
    if (!response || (response->status != 200 && response->status != 503)) {
      ADD_FAILURE() << path << ": " << (response ? response->body : client.error());
      return;
    }
    if (response->status == 503) continue;
    bool rebuilding = false;
    const Json answer = Json::parse(response->body);
    for (const Json& projection : answer.at("data")) rebuilding |= !projection.at("rebuild").is_null();
    if (!rebuilding) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a rebuild tells nobody that it is done
  }
  ADD_FAILURE() << "the read models do not get to position " << position;
}

Facts FactsOf(const std::string& address) {
  AwaitProjections(address);
  return {AllOf(address, "/api/v1/subscriptions"), AllOf(address, "/api/v1/ledger/entries"),
          AllOf(address, "/api/v1/ledger/balances")};
}

void ExpectTruth(const Facts& facts, const Truth& truth) {
  ExpectSubscriptions(facts.subscriptions, truth);
  ExpectBalances(facts.balances, truth);
}

std::vector<Json> RowsOf(const std::vector<Json>& rows, const Scope& scope) {
  std::vector<Json> own;
  for (const Json& row : rows) {
    if (row.at("livemode") == scope.livemode && TextOf(row, "account") == scope.account) own.push_back(row);
  }
  return own;
}

void ExpectSubscriptions(const std::vector<Json>& rows, const Truth& truth) {
  ExpectRows("subscription", rows, truth.subscriptions,
             [](const Json& row, const SubscriptionTruth& expected) { return DifferenceOf(row, expected); });
}

void ExpectCustomers(const std::vector<Json>& rows, const Truth& truth) {
  ExpectRows("customer", rows, truth.customers,
             [](const Json& row, const CustomerTruth& expected) { return DifferenceOf(row, expected); });
}

void ExpectInvoices(const std::vector<Json>& rows, const Truth& truth) {
  ExpectRows("invoice", rows, truth.invoices,
             [](const Json& row, const InvoiceTruth& expected) { return DifferenceOf(row, expected); });
}

void ExpectBalances(const std::vector<Json>& rows, const Truth& truth) {
  Faults faults;
  std::map<std::string, const Json*> found;
  for (const Json& row : rows) {
    const std::string currency = TextOf(row, "currency");
    if (!found.emplace(currency, &row).second) faults.Add(currency + " has two rows");
    if (truth.ledger.count(currency) == 0) faults.Add("nothing ever moved in " + currency);
    std::int64_t sum = 0;
    for (const auto& [account, amount] : row.at("accounts").items()) sum += amount.get<std::int64_t>();
    if (sum != 0) faults.Add("the books do not balance: " + row.dump());
  }
  for (const auto& [currency, sums] : truth.ledger) {
    const auto row = found.find(currency);
    const bool missing = row == found.end();
    if (missing && sums == LedgerTruth{}) continue;  // all of it was taken back
    const std::string difference = missing ? "it is missing" : DifferenceOf(*row->second, sums);
    if (!difference.empty()) faults.Add("balance in " + currency + ": " + difference);
  }
}

void ExpectRevenue(const std::string& address, const Scope& scope, const Truth& truth) {
  for (const auto& [currency, days] : truth.revenue) {
    if (days.empty()) continue;
    const std::string last_day = FormatRfc3339(days.rbegin()->first * kSecondsADay * kMicrosPerSecond);
    const Json answer = Get(address, "/api/v1/metrics/mrr?currency=" + currency +
                                         "&from=2025-01-01T00:00:00Z&to=" + last_day +
                                         "&interval=day&livemode=" + (scope.livemode ? "true" : "false") +
                                         (scope.account.empty() ? "" : "&account=" + scope.account));
    std::int64_t mrr = 0;
    std::size_t moved = 0;
    Faults faults;
    for (const Json& row : ValueOr(answer, "data", Json::array())) {
      const auto day = days.find(TimeOf(row, "from") / kSecondsADay);
      const RevenueTruth movements = day == days.end() ? RevenueTruth{} : day->second;
      moved += day == days.end() ? 0 : 1;
      mrr += movements.net();
      if (const std::string difference = DifferenceOf(row, movements, mrr); !difference.empty())
        faults.Add("revenue in " + currency + ": " + difference);
    }
    EXPECT_EQ(moved, days.size()) << "every day is told once";
  }
}

void ExpectWholeLog(const std::string& database_url) {
  const Finished verified = RunBillhook({"verify"}, EnvironmentFor(database_url));
  EXPECT_EQ(verified.status, 0) << verified.err;
}

void ExpectWholeLog(const TestDatabase& database) {
  ExpectWholeLog(database.url());
}

}  // namespace billhook::test
