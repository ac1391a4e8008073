// Every projection against an independent oracle: whole billing lives arrive in random order and batches, and
// the rows must be what the storyteller knows to be true, and the same as after arrival in order. Without any
// database, so that thousands of lives take seconds.
#include "tests/support/lives.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include <gtest/gtest.h>

#include "domain/time.h"
#include "projections/registry.h"
#include "tests/support/convergence.h"

namespace billhook::test {
namespace {

using simulate::CustomerTruth;
using simulate::History;
using simulate::HistoryOptions;
using simulate::InvoiceTruth;
using simulate::LedgerTruth;
using simulate::RevenueTruth;
using simulate::SubscriptionTruth;
using simulate::Truth;

constexpr std::uint64_t kDefaultLives = 1'000;
constexpr std::int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

template <typename T>
T ValueOr(const Json& object, const char* key, T otherwise) {
  const auto member = object.find(key);
  return member == object.end() || member->is_null() ? otherwise : member->get<T>();
}

class LivesOfASeed {
 public:
  explicit LivesOfASeed(const Truth& truth) : truth_(truth) {}

  void Check(const Projection& projection, const MemoryReadModel& read_model) {
    EXPECT_TRUE(read_model.dead_letters().empty())
        << projection.name() << " cannot use " << read_model.dead_letters().begin()->first << ": "
        << read_model.dead_letters().begin()->second;
    for (const Table* table : projection.tables()) {
      const std::vector<Json> rows = read_model.Rows(*table);
      if (table->name == "subscriptions") CheckSubscriptions(rows);
      if (table->name == "ledger_entries") CheckLedger(rows);
      if (table->name == "customers") CheckCustomers(rows);
      if (table->name == "invoices") CheckInvoices(rows);
      if (table->name == "revenue_movements") CheckRevenue(rows);
    }
  }

 private:
  void CheckSubscriptions(const std::vector<Json>& rows) {
    std::map<std::string, SubscriptionTruth> found;
    for (const Json& row : rows) {
      const Json& body = row["body"];
      SubscriptionTruth& subscription = found[body["id"]];
      subscription.status = body["status"];
      subscription.customer = body["customer"];
      subscription.currency = body["currency"];
      if (!body["mrr"].is_null()) subscription.mrr = body["mrr"].get<std::int64_t>();
      subscription.items = static_cast<std::int64_t>(body["items"].size());
      EXPECT_EQ(row["status"], body["status"]);
    }
    ExpectSame(truth_.subscriptions, found);
  }

  void CheckLedger(const std::vector<Json>& rows) {
    std::map<std::string, LedgerTruth> sums;
    std::map<std::string, CustomerTruth> customers;
    for (const Json& row : rows) {
      const std::int64_t amount = row["amount"];
      std::int64_t sum = 0;
      for (const Json& posting : row["body"]["postings"]) sum += posting["amount"].get<std::int64_t>();
      EXPECT_EQ(sum, 0) << row["id"];
      Add(sums[row["currency"]], row["type"], amount);
      const std::string customer = ValueOr<std::string>(row, "customer", "");
      if (!customer.empty()) Add(customers[customer].ledger[row["currency"]], row["type"], amount);
    }
    ExpectSame(WithoutEmpty(truth_.ledger), WithoutEmpty(sums));
    for (const auto& [id, customer] : truth_.customers)
      EXPECT_EQ(WithoutEmpty(customer.ledger), WithoutEmpty(customers[id].ledger)) << id;
  }

  void CheckCustomers(const std::vector<Json>& rows) {
    std::map<std::string, bool> found;
    std::map<std::string, bool> expected;
    for (const Json& row : rows) found[row["body"]["id"]] = row["body"]["deleted"];
    for (const auto& [id, customer] : truth_.customers) expected[id] = customer.deleted;
    EXPECT_EQ(found, expected);
  }

  void CheckInvoices(const std::vector<Json>& rows) {
    std::map<std::string, InvoiceTruth> found;
    for (const Json& row : rows) {
      const Json& body = row["body"];
      const UnixMicros paid_at = ParseRfc3339(ValueOr<std::string>(body, "paid_at", "")).value_or(0);
      found[body["id"]] = {ValueOr<std::string>(body, "status", ""),
                           ValueOr<std::string>(body, "customer", ""),
                           ValueOr<std::string>(body, "subscription", ""),
                           body["currency"],
                           body["amount_due"],
                           body["amount_paid"],
                           paid_at / kMicrosPerSecond,
                           body["deleted"]};
      EXPECT_EQ(body["amount_remaining"],
                body["amount_due"].get<std::int64_t>() - body["amount_paid"].get<std::int64_t>());
    }
    ExpectSame(truth_.invoices, found);
  }

  void CheckRevenue(const std::vector<Json>& rows) {
    std::map<std::string, std::map<std::int64_t, RevenueTruth>> found;
    for (const Json& row : rows) {
      RevenueTruth& day = found[row["currency"]][row["occurred_at"].get<std::int64_t>() / kMicrosPerDay];
      const std::string kind = row["kind"];
      const std::int64_t amount = row["amount"];
      if (kind == "new") day.started += amount;
      if (kind == "expansion") day.expansion += amount;
      if (kind == "contraction") day.contraction -= amount;
      if (kind == "churn") day.churn -= amount;
      if (kind == "reactivation") day.reactivation += amount;
    }
    EXPECT_TRUE(found == NonEmpty(truth_.revenue)) << "the movements of revenue differ";
  }

  static void Add(LedgerTruth& sums, const std::string& type, std::int64_t amount) {
    if (type == "payment") sums.gross += amount;
    if (type == "refund") sums.refunded += amount;
    if (type == "dispute") sums.disputed += amount;
    if (type == "fee") sums.fees += amount;
    if (type == "payout") sums.paid_out += amount;
  }

  static std::map<std::string, LedgerTruth> WithoutEmpty(std::map<std::string, LedgerTruth> ledger) {
    std::erase_if(ledger, [](const auto& row) { return row.second == LedgerTruth{}; });
    return ledger;
  }

  template <typename Revenue>
  static Revenue NonEmpty(Revenue revenue) {
    std::erase_if(revenue, [](const auto& currency) { return currency.second.empty(); });
    return revenue;
  }

  // Names what differs, and nothing else.
  template <typename Facts>
  static void ExpectSame(const Facts& expected, const Facts& found) {
    for (const auto& [id, fact] : expected) {
      const auto known = found.find(id);
      EXPECT_TRUE(known != found.end() && known->second == fact) << id << " differs from the truth";
    }
    EXPECT_EQ(expected.size(), found.size());
  }

  const Truth& truth_;
};

struct Told {
  std::uint64_t lives = 0;
  std::uint64_t events = 0;
};

Told CheckSeed(std::uint64_t seed) {
  SCOPED_TRACE("run just this one with: BILLHOOK_SEED=" + std::to_string(seed) +
               " billhook_pure_tests --gtest_filter='Lives.*'");
  std::mt19937_64 random(seed);
  // Few lives, so that a failure is small to look at; some dense, so that they share seconds.
  const HistoryOptions options{
      .seed = seed, .events = 40 + random() % 500, .livemode = seed % 2 == 0, .pretty = false};
  History history(options);
  std::vector<RecordedEvent> in_order;
  while (const auto event = history.Next()) in_order.push_back(LoggedEvent(*event));
  std::vector<RecordedEvent> shuffled = in_order;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  const std::size_t batch_size = 1 + random() % 90;
  for (const Projection* projection : AllProjections()) {
    SCOPED_TRACE(projection->name());
    const MemoryReadModel read_model = Project(*projection, shuffled, batch_size);
    LivesOfASeed(history.truth()).Check(*projection, read_model);
    EXPECT_TRUE(read_model.Fingerprint() == Project(*projection, in_order, in_order.size()).Fingerprint())
        << "arrival in random order ends in other rows than arrival in order";
  }
  return {history.lives(), in_order.size()};
}

TEST(Lives, EndInTheTruthHoweverTheirEventsArrive) {
  Told told;
  std::uint64_t histories = 1;
  if (const std::optional<std::uint64_t> seed = SeedFromEnvironment()) {
    told = CheckSeed(*seed);
  } else {
    const std::uint64_t wanted = LivesFromEnvironment(kDefaultLives);
    for (histories = 0; told.lives < wanted && !HasFailure(); ++histories) {
      const Told more = CheckSeed(histories + 1);
      told.lives += more.lives;
      told.events += more.events;
    }
  }
  std::cout << told.lives << " lives in " << histories << " histories, " << told.events << " events\n";
}

}  // namespace
}  // namespace billhook::test
