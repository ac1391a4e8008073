#include "projections/revenue/revenue.h"

#include <algorithm>
#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "projections/subscriptions.h"
#include "tests/support/convergence.h"
#include "tests/support/subscription_lives.h"

namespace billhook {
namespace {

using test::kNoon;
using test::MemoryReadModel;
using test::Paying;
using test::StripeEvent;
using test::With;

const Revenue kRevenue;

// The movements in order of time, each as "second kind amount currency".
std::vector<std::string> MovementsIn(const MemoryReadModel& read_model) {
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const Json& row : read_model.Rows(Revenue::kMovementsTable)) {
    const std::int64_t second = row["occurred_at"].get<std::int64_t>() / kMicrosPerSecond - kNoon;
    found.emplace_back(second, std::to_string(second) + " " + row["kind"].get<std::string>() + " " +
                                   row["amount"].dump() + " " + row["currency"].get<std::string>());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> movements;
  for (auto& [second, text] : found) movements.push_back(std::move(text));
  return movements;
}

std::vector<std::string> MovementsAfter(const std::vector<StripeEvent>& events) {
  return MovementsIn(test::ProjectInEveryOrder(kRevenue, events));
}

using Movements = std::vector<std::string>;

StripeEvent At(int second, const std::string& id, const std::string& type, const Json& object,
               const Json& previous = nullptr) {
  return {.id = id,
          .type = "customer.subscription." + type,
          .object = object,
          .created_s = kNoon + second,
          .previous_attributes = previous};
}

TEST(Revenue, MovesWhenASubscriptionStartsGrowsShrinksEndsAndComesBack) {
  EXPECT_EQ(MovementsAfter({At(0, "evt_1", "created", Paying("sub_1", 1000, "usd", "incomplete")),
                            At(1, "evt_2", "updated", Paying("sub_1", 1000)),
                            At(2, "evt_3", "updated", Paying("sub_1", 1500)),
                            At(3, "evt_4", "updated", Paying("sub_1", 1200, "usd", "past_due")),
                            At(4, "evt_5", "updated", Paying("sub_1", 1200, "usd", "unpaid")),
                            At(5, "evt_6", "updated", Paying("sub_1", 1200))}),
            (Movements{"1 new 1000 usd", "2 expansion 500 usd", "3 contraction -300 usd", "4 churn -1200 usd",
                       "5 reactivation 1200 usd"}));
}

TEST(Revenue, DoesNotMoveWhereNothingChanges) {
  EXPECT_EQ(
      MovementsAfter({At(0, "evt_1", "created", Paying("sub_1", 1000)),
                      At(1, "evt_2", "updated", With(Paying("sub_1", 1000), {{"latest_invoice", "in_1"}})),
                      At(2, "evt_3", "updated", Paying("sub_1", 1000, "usd", "past_due"))}),
      (Movements{"0 new 1000 usd"}));
}

TEST(Revenue, TakesALateEventIntoThePastWhereItBelongs) {
  MemoryReadModel read_model(kRevenue);
  read_model.Apply({Recorded(At(0, "evt_1", "created", Paying("sub_1", 1000)))});
  read_model.Apply({Recorded(At(9, "evt_3", "updated", Paying("sub_1", 1500)))});
  EXPECT_EQ(MovementsIn(read_model), (Movements{"0 new 1000 usd", "9 expansion 500 usd"}));
  read_model.Apply({Recorded(At(5, "evt_2", "updated", Paying("sub_1", 0)))});
  EXPECT_EQ(MovementsIn(read_model),
            (Movements{"0 new 1000 usd", "5 churn -1000 usd", "9 reactivation 1500 usd"}));
  read_model.Apply({Recorded(At(8, "evt_4", "updated", Paying("sub_1", 1500)))});
  EXPECT_EQ(MovementsIn(read_model),
            (Movements{"0 new 1000 usd", "5 churn -1000 usd", "8 reactivation 1500 usd"}));
}

TEST(Revenue, EndsWithTheDeletionWhateverComesAfter) {
  EXPECT_EQ(
      MovementsAfter(
          {At(0, "evt_1", "created", Paying("sub_1", 1000)), At(3, "evt_2", "deleted", Paying("sub_1", 1000)),
           At(3, "evt_3", "updated", Paying("sub_1", 1500)), At(4, "evt_4", "updated", Paying("sub_1", 2000)),
           At(5, "evt_5", "deleted", Paying("sub_1", 2000))}),
      (Movements{"0 new 1000 usd", "3 churn -1000 usd"}));
}

TEST(Revenue, ChurnsInTheOldCurrencyAndStartsInTheNew) {
  EXPECT_EQ(MovementsAfter({At(0, "evt_1", "created", Paying("sub_1", 1000)),
                            At(1, "evt_2", "updated", Paying("sub_1", 900, "EUR")),
                            At(2, "evt_3", "updated", Paying("sub_1", 1000)),
                            At(3, "evt_4", "updated", Paying("sub_1", 0, "eur"))}),
            (Movements{"0 new 1000 usd", "1 churn -1000 usd", "1 new 900 eur", "2 churn -900 eur",
                       "2 reactivation 1000 usd", "3 churn -1000 usd"}));
}

TEST(Revenue, ResolvesUpdatesOfOneSecondToTheTailOfTheirChain) {
  EXPECT_EQ(
      MovementsAfter({At(0, "evt_9", "created", Paying("sub_1", 5000)),
                      At(0, "evt_8", "updated", With(Paying("sub_1", 4000), {{"latest_invoice", "in_1"}})),
                      At(0, "evt_7", "updated", With(Paying("sub_1", 3000), {{"latest_invoice", "in_2"}}),
                         {{"latest_invoice", "in_1"}}),
                      At(0, "evt_1", "updated", With(Paying("sub_1", 2000), {{"latest_invoice", "in_3"}}),
                         {{"latest_invoice", "in_2"}}),
                      At(1, "evt_2", "updated", Paying("sub_1", 2500))}),
      (Movements{"0 new 2000 usd", "1 expansion 500 usd"}));
}

TEST(Revenue, CountsWhatTellsNoAmountOrNoCurrencyAsNothing) {
  Json tiered = Paying("sub_1", 1);
  tiered["items"]["data"][0]["price"]["unit_amount"] = nullptr;
  EXPECT_EQ(
      MovementsAfter({At(0, "evt_1", "created", tiered), At(1, "evt_2", "updated", Paying("sub_1", 700)),
                      At(2, "evt_3", "updated", Paying("sub_1", 700, "")),
                      At(3, "evt_4", "updated", Paying("sub_1", 800))}),
      (Movements{"1 new 700 usd", "2 churn -700 usd", "3 reactivation 800 usd"}));
}

TEST(Revenue, HoldsTheLargestAmountThereIs) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(MovementsAfter({At(0, "evt_1", "created", Paying("sub_1", kMost)),
                            At(1, "evt_2", "updated", Paying("sub_1", kMost, "eur")),
                            At(2, "evt_3", "deleted", Paying("sub_1", kMost, "eur"))}),
            (Movements{"0 new 9223372036854775807 usd", "1 churn -9223372036854775807 usd",
                       "1 new 9223372036854775807 eur", "2 churn -9223372036854775807 eur"}));
}

TEST(Revenue, KeepsAccountsLivemodesAndSubscriptionsApart) {
  StripeEvent connected = At(1, "evt_2", "created", Paying("sub_1", 20));
  connected.account = "acct_1";
  StripeEvent test_mode = At(2, "evt_3", "created", Paying("sub_1", 30));
  test_mode.livemode = false;
  const MemoryReadModel read_model =
      test::ProjectInEveryOrder(kRevenue, {At(0, "evt_1", "created", Paying("sub_1", 10)), connected,
                                           test_mode, At(3, "evt_4", "created", Paying("sub_2", 40))});
  std::map<std::int64_t, std::string> found;
  for (const Json& row : read_model.Rows(Revenue::kMovementsTable)) {
    EXPECT_EQ(row["kind"], "new");
    EXPECT_EQ(row["tenant"], "default");
    found[row["amount"]] = row["livemode"].dump() + " " + row["account"].get<std::string>() + " " +
                           row["subscription"].get<std::string>();
  }
  EXPECT_EQ(found, (std::map<std::int64_t, std::string>{
                       {10, "1  sub_1"}, {20, "1 acct_1 sub_1"}, {30, "0  sub_1"}, {40, "1  sub_2"}}));
}

TEST(Revenue, ShowsWhatASubscriptionBringsNow) {
  const auto present = [](const std::vector<StripeEvent>& events) {
    const Json row = test::ProjectInEveryOrder(kRevenue, events).Rows(Revenue::kSubscriptionsTable).at(0);
    EXPECT_EQ(row["id"], "sub_1");
    return row["mrr"].get<std::int64_t>();
  };
  EXPECT_EQ(present({At(0, "evt_1", "created", Paying("sub_1", 10)),
                     At(1, "evt_2", "updated", Paying("sub_1", 25))}),
            25);
  EXPECT_EQ(present({At(0, "evt_1", "deleted", Paying("sub_1", 10)),
                     At(1, "evt_2", "updated", Paying("sub_1", 25))}),
            0);
}

TEST(Revenue, TakesAnUnusableEventForAbsentAndSetsItAside) {
  const MemoryReadModel read_model = test::ProjectInEveryOrder(
      kRevenue, {At(0, "evt_1", "created", Paying("sub_1", 10)),
                 At(1, "evt_2", "updated", With(Paying("sub_1", 20), {{"items", 7}})),
                 At(2, "evt_3", "deleted", {{"object", "customer"}, {"id", "sub_1"}})});
  EXPECT_EQ(MovementsIn(read_model), (Movements{"0 new 10 usd"}));
  EXPECT_EQ(read_model.dead_letters(), (std::map<std::string, std::string>{
                                           {"evt_2", "subscription.items must be a list"},
                                           {"evt_3", "event.data.object must be a subscription"},
                                       }));
}

TEST(Revenue, BelievesStripeAlone) {
  for (Source source : {Source::kApi, Source::kCommand, Source::kSaga}) {
    RecordedEvent posted = Recorded(At(0, "evt_1", "created", Paying("sub_1", 10)));
    posted.event.source = source;
    EXPECT_EQ(test::Project(kRevenue, {posted}, 1).Fingerprint(), "") << NameOf(source);
  }
}

// Present revenue by scope, subscription and currency, where it is not 0.
using Totals = std::map<std::string, std::int64_t>;

// What the read model `subscriptions` says after these events.
Totals TotalsOfSubscriptions(const std::vector<RecordedEvent>& events) {
  Totals totals;
  for (const Json& row : test::Project(Subscriptions(), events, events.size()).Rows(Subscriptions::kTable)) {
    const Json& body = row["body"];
    if (!body["mrr"].is_number() || body["mrr"] == 0 || !body["currency"].is_string()) continue;
    totals[row["livemode"].dump() + row["account"].get<std::string>() + row["id"].get<std::string>() +
           body["currency"].get<std::string>()] = body["mrr"];
  }
  return totals;
}

// What the movements up to a second add up to.
Totals TotalsOfMovements(const MemoryReadModel& read_model, std::int64_t until_s) {
  Totals totals;
  for (const Json& row : read_model.Rows(Revenue::kMovementsTable)) {
    if (row["occurred_at"].get<std::int64_t>() / kMicrosPerSecond > until_s) continue;
    totals[row["livemode"].dump() + row["account"].get<std::string>() +
           row["subscription"].get<std::string>() + row["currency"].get<std::string>()] +=
        row["amount"].get<std::int64_t>();
  }
  for (auto total = totals.begin(); total != totals.end();) {
    total = total->second == 0 ? totals.erase(total) : std::next(total);
  }
  return totals;
}

RC_GTEST_PROP(Revenue, AddsUpAtEverySecondToWhatTheSubscriptionsWereThen, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const std::vector<StripeEvent> events = test::SubscriptionLives(random, 1 + random() % 40);
  const MemoryReadModel read_model = test::ProjectShuffled(kRevenue, test::Recorded(events), random);
  for (const StripeEvent& event : events) {
    std::vector<RecordedEvent> until;
    for (const StripeEvent& other : events) {
      if (other.created_s <= event.created_s)
        until.push_back(Recorded(other, static_cast<std::int64_t>(until.size()) + 1));
    }
    RC_ASSERT(TotalsOfMovements(read_model, event.created_s) == TotalsOfSubscriptions(until));
  }
}

RC_GTEST_PROP(Revenue, ConvergesHoweverItsEventsArrive, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const std::vector<RecordedEvent> log = test::Recorded(test::SubscriptionLives(random, 1 + random() % 40));
  const std::string expected = test::Project(kRevenue, log, log.size()).Fingerprint();
  for (int i = 0; i < 6; ++i)
    RC_ASSERT(test::ProjectShuffled(kRevenue, log, random).Fingerprint() == expected);
}

// Each movement has the name that its place in its currency's history gives it.
RC_GTEST_PROP(Revenue, NamesEachMovementAfterWhatItDoes, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const std::vector<RecordedEvent> log = test::Recorded(test::SubscriptionLives(random, 1 + random() % 40));
  std::vector<Json> rows = test::Project(kRevenue, log, log.size()).Rows(Revenue::kMovementsTable);
  std::sort(rows.begin(), rows.end(),
            [](const Json& a, const Json& b) { return a["occurred_at"] < b["occurred_at"]; });
  std::map<std::string, std::int64_t> level;
  for (const Json& row : rows) {
    const std::string series = row["owner"].get<std::string>() + row["currency"].get<std::string>();
    const bool known = level.count(series) == 1;
    const std::int64_t before = level[series];
    const std::int64_t after = level[series] += row["amount"].get<std::int64_t>();
    RC_ASSERT(after >= 0);
    RC_ASSERT(after != before);
    const std::string kind = row["kind"];
    RC_ASSERT((kind == "new") == !known);
    RC_ASSERT((kind == "reactivation") == (known && before == 0));
    RC_ASSERT((kind == "churn") == (after == 0));
    RC_ASSERT((kind == "expansion") == (before != 0 && after > before));
    RC_ASSERT((kind == "contraction") == (after != 0 && after < before));
  }
}

}  // namespace
}  // namespace billhook
