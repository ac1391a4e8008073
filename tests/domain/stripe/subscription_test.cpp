#include "domain/stripe/subscription.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/stripe_events.h"

namespace billhook::stripe {
namespace {

using test::With;
using test::Without;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

Subscription Decoded(const Json& object) {
  Result<Subscription, std::string> decoded = DecodeSubscription(object);
  EXPECT_TRUE(decoded.has_value()) << decoded.error();
  return decoded ? *decoded : Subscription();
}

// A subscription of today with these items.
Json WithItems(const std::vector<Json>& items, const std::string& status = "active") {
  return With(test::Subscription("sub_1", status), {{"items", {{"object", "list"}, {"data", items}}}});
}

Json Recurring(const Json& unit_amount, const std::string& interval, const Json& members = Json::object()) {
  return {{"id", "price_1"},
          {"unit_amount", unit_amount},
          {"recurring", With({{"interval", interval}}, members)}};
}

TEST(Subscription, IsDecodedFromTheNewestShape) {
  const Json object = With(test::Subscription("sub_1", "active"), {{"cancel_at", 5},
                                                                   {"cancel_at_period_end", true},
                                                                   {"canceled_at", 6},
                                                                   {"trial_start", 7},
                                                                   {"trial_end", 8},
                                                                   {"ended_at", 9},
                                                                   {"latest_invoice", "in_1"},
                                                                   {"metadata", {{"plan", "gold"}}}});
  const Subscription subscription = Decoded(object);
  EXPECT_EQ(subscription.id, "sub_1");
  EXPECT_EQ(subscription.customer, "cus_1");
  EXPECT_EQ(subscription.status, "active");
  EXPECT_EQ(subscription.currency, "usd");
  EXPECT_EQ(subscription.current_period_start, test::kNoon);
  EXPECT_EQ(subscription.current_period_end, test::kNoon + 2'678'400);
  EXPECT_EQ(subscription.cancel_at, 5);
  EXPECT_TRUE(subscription.cancel_at_period_end);
  EXPECT_EQ(subscription.canceled_at, 6);
  EXPECT_EQ(subscription.trial_start, 7);
  EXPECT_EQ(subscription.trial_end, 8);
  EXPECT_EQ(subscription.started_at, test::kNoon);
  EXPECT_EQ(subscription.ended_at, 9);
  EXPECT_EQ(subscription.latest_invoice, "in_1");
  EXPECT_EQ(subscription.collection_method, "charge_automatically");
  EXPECT_EQ(subscription.metadata, (Json{{"plan", "gold"}}));
  EXPECT_EQ(subscription.mrr, 2000);
  ASSERT_EQ(subscription.items.size(), 1u);
  const SubscriptionItem& item = subscription.items.front();
  EXPECT_EQ(item.id, "si_1");
  EXPECT_EQ(item.price, "price_1");
  EXPECT_EQ(item.product, "prod_1");
  EXPECT_EQ(item.quantity, 1);
  EXPECT_EQ(item.unit_amount, 2000);
  EXPECT_EQ(item.interval, "month");
  EXPECT_EQ(item.interval_count, 1);
  EXPECT_FALSE(item.metered);
}

TEST(Subscription, IsDecodedFromAPlanBeforeThereWerePrices) {
  const Json plan = {
      {"object", "plan"},  {"id", "gold"},       {"product", "prod_1"}, {"amount", 1500},
      {"currency", "EUR"}, {"interval", "week"}, {"interval_count", 2}, {"usage_type", "licensed"}};
  const Subscription of_item =
      Decoded(Without(WithItems({Json{{"id", "si_1"}, {"quantity", 3}, {"plan", plan}}}), "currency"));
  EXPECT_EQ(of_item.currency, "eur") << "there was no currency on the subscription itself";
  ASSERT_EQ(of_item.items.size(), 1u);
  EXPECT_EQ(of_item.items[0].price, "gold");
  EXPECT_EQ(of_item.items[0].unit_amount, 1500);
  EXPECT_EQ(of_item.items[0].interval, "week");
  EXPECT_EQ(of_item.items[0].interval_count, 2);
  EXPECT_EQ(of_item.mrr, 9750);  // 1500 x 3 x 52/12 / 2

  const Json before_items = With(Without(Without(test::Subscription("sub_1", "active"), "items"), "currency"),
                                 {{"plan", plan}, {"quantity", 3}});
  const Subscription of_subscription = Decoded(before_items);
  ASSERT_EQ(of_subscription.items.size(), 1u);
  EXPECT_FALSE(of_subscription.items[0].id.has_value());
  EXPECT_EQ(of_subscription.items[0].quantity, 3);
  EXPECT_EQ(of_subscription.currency, "eur");
  EXPECT_EQ(of_subscription.mrr, 9750);
  EXPECT_EQ(Decoded(Without(before_items, "quantity")).mrr, 3250) << "a plan without quantity is taken once";
}

TEST(Subscription, PrefersThePriceWhereAPlanStandsBesideIt) {
  const Json item = {{"id", "si_1"},
                     {"price", Recurring(100, "month")},
                     {"plan", {{"id", "old"}, {"amount", 900}, {"interval", "year"}}}};
  const Subscription subscription = Decoded(WithItems({item}));
  EXPECT_EQ(subscription.items.at(0).price, "price_1");
  EXPECT_EQ(subscription.mrr, 100);
}

TEST(Subscription, HasItsPeriodOnItselfOrOnItsItems) {
  const auto item = [](const Json& start, const Json& end) {
    return Json{
        {"price", Recurring(1, "month")}, {"current_period_start", start}, {"current_period_end", end}};
  };
  const Subscription on_items =
      Decoded(WithItems({item(200, 300), item(100, 250), item(nullptr, nullptr), item(150, 400)}));
  EXPECT_EQ(on_items.current_period_start, 100) << "the earliest start";
  EXPECT_EQ(on_items.current_period_end, 400) << "the latest end";
  const Subscription on_itself =
      Decoded(With(WithItems({item(200, 300)}), {{"current_period_start", 5}, {"current_period_end", 6}}));
  EXPECT_EQ(on_itself.current_period_start, 5);
  EXPECT_EQ(on_itself.current_period_end, 6);
  const Subscription without_items =
      Decoded(With(WithItems({}), {{"current_period_start", 5}, {"current_period_end", 6}}));
  EXPECT_EQ(without_items.current_period_start, 5);
  EXPECT_EQ(without_items.current_period_end, 6);
  const Subscription nowhere = Decoded(WithItems({}));
  EXPECT_FALSE(nowhere.current_period_start.has_value());
  EXPECT_FALSE(nowhere.current_period_end.has_value());
}

TEST(Subscription, TakesExpandedObjectsForTheirIds) {
  const Json item = {
      {"id", "si_1"},
      {"price", With(Recurring(100, "month"), {{"product", {{"id", "prod_9"}, {"name", "Gold"}}}})}};
  const Subscription subscription =
      Decoded(With(WithItems({item}), {{"customer", {{"id", "cus_9"}, {"object", "customer"}}},
                                       {"latest_invoice", {{"id", "in_9"}}}}));
  EXPECT_EQ(subscription.customer, "cus_9");
  EXPECT_EQ(subscription.latest_invoice, "in_9");
  EXPECT_EQ(subscription.items.at(0).product, "prod_9");
}

TEST(Subscription, TakesABarePriceIdForThatPrice) {
  const Subscription subscription = Decoded(WithItems({Json{{"id", "si_1"}, {"price", "price_7"}}}));
  EXPECT_EQ(subscription.items.at(0).price, "price_7");
  EXPECT_FALSE(subscription.mrr.has_value()) << "its amount is not known";
}

TEST(Subscription, StandsWithLittleMoreThanAnIdAndAStatus) {
  const Subscription subscription = Decoded({{"id", "sub_1"}, {"status", "active"}});
  EXPECT_FALSE(subscription.customer.has_value());
  EXPECT_FALSE(subscription.currency.has_value());
  EXPECT_FALSE(subscription.started_at.has_value());
  EXPECT_TRUE(subscription.items.empty());
  EXPECT_EQ(subscription.metadata, Json::object());
  EXPECT_EQ(subscription.mrr, 0);
}

TEST(Subscription, TakesItsOldNamesForStartAndCollectionMethod) {
  const Json base = {{"id", "sub_1"}, {"status", "active"}};
  EXPECT_EQ(Decoded(With(base, {{"start_date", 1}, {"start", 2}, {"created", 3}})).started_at, 1);
  EXPECT_EQ(Decoded(With(base, {{"start", 2}, {"created", 3}})).started_at, 2);
  EXPECT_EQ(Decoded(With(base, {{"start_date", nullptr}, {"created", 3}})).started_at, 3);
  EXPECT_EQ(Decoded(With(base, {{"billing", "send_invoice"}})).collection_method, "send_invoice");
}

TEST(Subscription, IsRefusedWithMembersOfTheWrongType) {
  const Json item = {{"id", "si_1"}, {"price", Recurring(100, "month")}};
  const std::vector<std::pair<const char*, Json>> changes = {
      {"no ID", {{"id", nullptr}}},
      {"an empty ID", {{"id", ""}}},
      {"an ID with a control character", {{"id", "sub\n"}}},
      {"no status", {{"status", nullptr}}},
      {"a number for a status", {{"status", 7}}},
      {"a number for a customer", {{"customer", 7}}},
      {"an expanded customer without ID", {{"customer", {{"name", "x"}}}}},
      {"a fraction for a time", {{"current_period_end", 1.5}}},
      {"a text for a time", {{"canceled_at", "1"}}},
      {"a time before 1970", {{"trial_end", -1}}},
      {"a time after 9999", {{"cancel_at", 253'402'300'800}}},
      {"a text for a flag", {{"cancel_at_period_end", "true"}}},
      {"a list for metadata", {{"metadata", Json::array()}}},
      {"a number for a currency", {{"currency", 7}}},
      {"a list for items", {{"items", Json::array()}}},
      {"items without data", {{"items", {{"object", "list"}}}}},
      {"an item that is no object", {{"items", {{"data", {"si_1"}}}}}},
      {"a price that is no object", {{"items", {{"data", {With(item, {{"price", 7}})}}}}}},
      {"a negative quantity", {{"items", {{"data", {With(item, {{"quantity", -1}})}}}}}},
      {"a fraction of a quantity", {{"items", {{"data", {With(item, {{"quantity", 1.0}})}}}}}},
      {"a text for an amount", {{"items", {{"data", {With(item, {{"price", Recurring("100", "month")}})}}}}}},
      {"a negative amount", {{"items", {{"data", {With(item, {{"price", Recurring(-100, "month")}})}}}}}},
      {"an interval count of 0",
       {{"items", {{"data", {With(item, {{"price", Recurring(100, "month", {{"interval_count", 0}})}})}}}}}},
      {"a number for an interval",
       {{"items", {{"data", {With(item, {{"price", Recurring(100, "month", {{"interval", 7}})}})}}}}}},
  };
  for (const auto& [what, change] : changes) {
    const Result<Subscription, std::string> decoded =
        DecodeSubscription(With(test::Subscription("sub_1", "active"), change));
    ASSERT_FALSE(decoded.has_value()) << what;
    EXPECT_TRUE(decoded.error().starts_with("subscription.")) << decoded.error();
  }
  for (const Json& object : {Json(nullptr), Json::array(), Json("sub_1"), Json::object()}) {
    EXPECT_FALSE(DecodeSubscription(object).has_value()) << object;
  }
}

struct Item {
  std::int64_t unit_amount;
  std::int64_t quantity;
  const char* interval;
  std::int64_t interval_count = 1;
};

std::vector<SubscriptionItem> ItemsOf(const std::vector<Item>& items) {
  std::vector<SubscriptionItem> result;
  for (const Item& item : items) {
    SubscriptionItem one;
    one.unit_amount = item.unit_amount;
    one.quantity = item.quantity;
    one.interval = item.interval;
    one.interval_count = item.interval_count;
    result.push_back(one);
  }
  return result;
}

TEST(MonthlyRecurringRevenue, IsTheExactSumRoundedOnceHalvesToEven) {
  const struct {
    std::vector<Item> items;
    std::int64_t mrr;
  } cases[] = {
      {{}, 0},
      {{{1000, 1, "month"}}, 1000},
      {{{1000, 3, "month"}}, 3000},
      {{{1000, 0, "month"}}, 0},
      {{{0, 5, "month"}}, 0},
      {{{12'000, 1, "year"}}, 1000},
      {{{1000, 1, "year"}}, 83},                              // 83.33
      {{{100, 1, "week"}}, 433},                              // 433.33
      {{{100, 1, "day"}}, 3042},                              // 3041.67
      {{{1000, 1, "month", 3}}, 333},                         // 333.33
      {{{2400, 1, "year", 2}}, 100},                          //
      {{{3, 1, "week", 2}}, 6},                               // 6.5
      {{{6, 1, "year"}}, 0},                                  // 0.5
      {{{18, 1, "year"}}, 2},                                 // 1.5
      {{{30, 1, "year"}}, 2},                                 // 2.5
      {{{6, 1, "year"}, {6, 1, "year"}}, 1},                  // 0.5 + 0.5
      {{{4, 1, "year"}, {4, 1, "year"}, {4, 1, "year"}}, 1},  // three thirds
      {{{1000, 1, "month"}, {6, 1, "year"}}, 1000},           // 1000.5
      {{{1001, 1, "month"}, {6, 1, "year"}}, 1002},           // 1001.5
      {{{5, 1, "week"}, {7, 2, "day", 7}, {9, 1, "year", 3}, {100, 1, "month", 5}},
       103},  // 21.667 + 60.833 + 0.25 + 20
      {{{kMax, 1, "month"}}, kMax},
      {{{kMax, 12, "year"}}, kMax},
      {{{kMax, 12, "year", kMax}}, 1},
  };
  for (const auto& c : cases) {
    for (const char* status : {"active", "past_due"}) {
      const auto mrr = MonthlyRecurringRevenue(status, ItemsOf(c.items));
      EXPECT_EQ(mrr, c.mrr) << status << ", first item " << (c.items.empty() ? 0 : c.items[0].unit_amount);
    }
  }
}

TEST(MonthlyRecurringRevenue, IsZeroUnlessTheSubscriptionIsActiveOrPastDue) {
  for (const char* status :
       {"trialing", "incomplete", "incomplete_expired", "unpaid", "paused", "canceled", "Active", ""}) {
    EXPECT_EQ(MonthlyRecurringRevenue(status, ItemsOf({{1000, 1, "month"}})), 0) << status;
    EXPECT_EQ(MonthlyRecurringRevenue(status, ItemsOf({{kMax, kMax, "month"}})), 0) << status;
    EXPECT_EQ(MonthlyRecurringRevenue(status, {SubscriptionItem()}), 0) << status;
  }
}

TEST(MonthlyRecurringRevenue, CountsMeteredItemsAsNothingAndKnowsNoneForTieredOnes) {
  std::vector<SubscriptionItem> items = ItemsOf({{1000, 1, "month"}});
  SubscriptionItem metered;
  metered.metered = true;
  items.push_back(metered);
  EXPECT_EQ(MonthlyRecurringRevenue("active", items), 1000);
  metered.unit_amount = 5;
  metered.quantity = 100;
  metered.interval = "month";
  items.push_back(metered);
  EXPECT_EQ(MonthlyRecurringRevenue("active", items), 1000);
  SubscriptionItem tiered;
  tiered.quantity = 2;
  tiered.interval = "month";
  items.push_back(tiered);
  EXPECT_EQ(MonthlyRecurringRevenue("active", items), std::nullopt);
}

TEST(MonthlyRecurringRevenue, IsReadFromTheShapesOfMeteredAndTieredPrices) {
  const Json licensed = {{"id", "si_1"}, {"quantity", 2}, {"price", Recurring(500, "month")}};
  const Json metered = {{"id", "si_2"}, {"price", Recurring(7, "month", {{"usage_type", "metered"}})}};
  const Json metered_plan = {
      {"id", "si_3"},
      {"plan", {{"id", "p"}, {"amount", 7}, {"interval", "month"}, {"usage_type", "metered"}}}};
  const Json tiered = {{"id", "si_4"}, {"quantity", 1}, {"price", Recurring(nullptr, "month")}};
  const Json below_a_cent = {
      {"id", "si_5"},
      {"quantity", 1},
      {"price", With(Recurring(nullptr, "month"), {{"unit_amount_decimal", "0.5"}, {"amount", 1}})}};
  const Subscription subscription = Decoded(WithItems({licensed, metered, metered_plan}));
  EXPECT_EQ(subscription.mrr, 1000);
  EXPECT_FALSE(subscription.items.at(1).quantity.has_value()) << "metered items have none";
  EXPECT_EQ(Decoded(WithItems({licensed, tiered})).mrr, std::nullopt);
  EXPECT_EQ(Decoded(WithItems({licensed, below_a_cent})).mrr, std::nullopt);
  EXPECT_EQ(Decoded(WithItems({licensed, tiered}, "canceled")).mrr, 0);
  EXPECT_EQ(Decoded(WithItems({Without(licensed, "quantity")})).mrr, 500) << "no quantity is one";
}

TEST(MonthlyRecurringRevenue, IsExactOverAsManyCadencesAsStripeAllows) {
  std::vector<Item> items;
  for (std::int64_t days : {1093, 1091, 1087, 1069, 1063, 1061, 1051, 1049, 1039, 1033, 1031, 1021})
    items.push_back({1000, 1, "day", days});
  EXPECT_EQ(MonthlyRecurringRevenue("active", ItemsOf(items)), 345);
}

TEST(MonthlyRecurringRevenue, RefusesASumBeyond64BitsAndNeverWraps) {
  const std::vector<std::vector<Item>> cases = {
      {{kMax, 2, "month"}},
      {{kMax, 1, "month"}, {1, 1, "month"}},
      {{kMax, 1, "week"}},
      {{kMax, 1, "day"}},
      {{kMax, kMax, "day"}},
      {{kMax, kMax, "month"}, {kMax, kMax, "month"}, {kMax, kMax, "month"}},
      {{kMax, kMax, "year", kMax}, {kMax, kMax, "year", kMax - 1}, {kMax, kMax, "month", kMax - 2}},
  };
  for (const auto& items : cases) EXPECT_FALSE(MonthlyRecurringRevenue("active", ItemsOf(items)).has_value());
  const Json too_much = {{"id", "si_1"}, {"quantity", 2}, {"price", Recurring(kMax, "month")}};
  EXPECT_EQ(Decoded(WithItems({too_much})).mrr, std::nullopt) << "of all its facts only this one is refused";
  EXPECT_EQ(Decoded(WithItems({too_much}, "canceled")).mrr, 0);
}

RC_GTEST_PROP(MonthlyRecurringRevenue, DoesNotDependOnTheOrderOfItems, ()) {
  std::vector<Item> items;
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
    items.push_back({*rc::gen::inRange<std::int64_t>(0, 1000), *rc::gen::inRange<std::int64_t>(0, 5),
                     *rc::gen::element("day", "week", "month", "year"),
                     *rc::gen::inRange<std::int64_t>(1, 13)});
  }
  const auto forwards = MonthlyRecurringRevenue("active", ItemsOf(items));
  std::reverse(items.begin(), items.end());
  RC_ASSERT(forwards == MonthlyRecurringRevenue("active", ItemsOf(items)));
}

}  // namespace
}  // namespace billhook::stripe
