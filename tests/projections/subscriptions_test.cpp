#include "projections/subscriptions.h"

#include <gtest/gtest.h>

#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::kNoon;
using test::MemoryReadModel;
using test::StripeEvent;
using test::Subscription;
using test::With;

const Subscriptions kSubscriptions;

MemoryReadModel After(const std::vector<StripeEvent>& events) {
  return test::ProjectInEveryOrder(kSubscriptions, events);
}

// The one row that the events make.
Json RowAfter(const std::vector<StripeEvent>& events) {
  const std::vector<Json> rows = After(events).Rows(Subscriptions::kTable);
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Json() : rows.front();
}

StripeEvent At(int second, const std::string& id, const std::string& type, const Json& object,
               const Json& previous = nullptr) {
  return {.id = id,
          .type = "customer.subscription." + type,
          .object = object,
          .created_s = kNoon + second,
          .previous_attributes = previous};
}

TEST(Subscriptions, ShowEverythingThatCallersMayAskFor) {
  const Json row = RowAfter(
      {At(5, "evt_1", "created",
          With(Subscription("sub_1", "active"),
               {{"latest_invoice", "in_1"}, {"cancel_at", kNoon}, {"metadata", {{"b", "2"}, {"a", "1"}}}}))});
  EXPECT_EQ(row["body"], (Json{{"id", "sub_1"},
                               {"customer", "cus_1"},
                               {"status", "active"},
                               {"livemode", true},
                               {"account", nullptr},
                               {"currency", "usd"},
                               {"items", Json::array({{{"id", "si_1"},
                                                       {"price", "price_1"},
                                                       {"product", "prod_1"},
                                                       {"quantity", 1},
                                                       {"unit_amount", 2000},
                                                       {"interval", "month"},
                                                       {"interval_count", 1}}})},
                               {"current_period_start", "2026-01-01T12:00:00Z"},
                               {"current_period_end", "2026-02-01T12:00:00Z"},
                               {"cancel_at", "2026-01-01T12:00:00Z"},
                               {"cancel_at_period_end", false},
                               {"canceled_at", nullptr},
                               {"trial_start", nullptr},
                               {"trial_end", nullptr},
                               {"started_at", "2026-01-01T12:00:00Z"},
                               {"ended_at", nullptr},
                               {"latest_invoice", "in_1"},
                               {"collection_method", "charge_automatically"},
                               {"mrr", 2000},
                               {"metadata", {{"a", "1"}, {"b", "2"}}},
                               {"updated_by", "evt_1"},
                               {"updated_at", "2026-01-01T12:00:05Z"}}));
}

TEST(Subscriptions, CanBeFilteredByColumnsThatSayWhatTheirBodiesSay) {
  const Json items = {{"data",
                       {{{"id", "si_1"}, {"price", {{"id", "price_1"}}}},
                        {{"id", "si_2"}, {"plan", "gold"}},
                        {{"id", "si_3"}}}}};
  StripeEvent event = At(0, "evt_1", "created", With(Subscription("sub_1", "past_due"), {{"items", items}}));
  event.account = "acct_1";
  event.livemode = false;
  const Json row = RowAfter({event});
  EXPECT_EQ(row["id"], "sub_1");
  EXPECT_EQ(row["tenant"], "default");
  EXPECT_EQ(row["status"], "past_due");
  EXPECT_EQ(row["customer"], "cus_1");
  EXPECT_EQ(row["livemode"], 0);
  EXPECT_EQ(row["account"], "acct_1");
  EXPECT_EQ(row["prices"], "\x1fprice_1\x1fgold\x1f");
  EXPECT_EQ(row["deleted"], 0);
  EXPECT_EQ(row["body"]["account"], "acct_1");
  EXPECT_EQ(row["body"]["livemode"], false);
  EXPECT_FALSE(
      RowAfter({At(0, "evt_1", "created", With(Subscription("sub_1", "active"), {{"customer", nullptr}}))})
          .contains("customer"));
}

TEST(Subscriptions, AreInTheirNewestState) {
  const Json row = RowAfter({At(0, "evt_9", "created", Subscription("sub_1", "incomplete")),
                             At(0, "evt_3", "updated", Subscription("sub_1", "active")),
                             At(1, "evt_2", "updated", Subscription("sub_1", "past_due")),
                             At(2, "evt_1", "updated", Subscription("sub_1", "active"))});
  EXPECT_EQ(row["status"], "active");
  EXPECT_EQ(row["body"]["updated_by"], "evt_1");
}

TEST(Subscriptions, ResolveUpdatesOfOneSecondToTheTailOfTheirChain) {
  const auto step = [](const std::string& id, int quantity, const Json& previous) {
    return At(0, id, "updated", With(Subscription("sub_1", "active"), {{"metadata", {{"step", quantity}}}}),
              previous);
  };
  const auto before = [](int quantity) { return Json{{"metadata", {{"step", quantity}}}}; };
  const Json row =
      RowAfter({step("evt_9", 0, nullptr), step("evt_7", 1, before(0)), step("evt_8", 2, before(1)),
                step("evt_1", 3, before(2)), At(0, "evt_z", "created", Subscription("sub_1", "canceled"))});
  EXPECT_EQ(row["body"]["updated_by"], "evt_1");
  EXPECT_EQ(row["body"]["metadata"]["step"], 3);
}

TEST(Subscriptions, TakeTheHighestStatusThenTheGreatestIdOfUpdatesThatTie) {
  const auto update = [](const std::string& id, const std::string& status) {
    return At(0, id, "updated", Subscription("sub_1", status));
  };
  EXPECT_EQ(RowAfter({update("evt_1", "past_due"), update("evt_2", "active"),
                      update("evt_3", "incomplete")})["body"]["updated_by"],
            "evt_1");
  EXPECT_EQ(RowAfter({update("evt_1", "active"), update("evt_3", "trialing"),
                      update("evt_2", "active")})["body"]["updated_by"],
            "evt_3");
}

TEST(Subscriptions, StayCanceledOnceTheyAreDeleted) {
  const StripeEvent deleted =
      At(1, "evt_5", "deleted", With(Subscription("sub_1", "active"), {{"ended_at", kNoon + 1}}));
  const Json of_one_second = RowAfter({At(1, "evt_8", "created", Subscription("sub_1", "active")),
                                       At(1, "evt_9", "updated", Subscription("sub_1", "active")), deleted});
  EXPECT_EQ(of_one_second["status"], "canceled");
  EXPECT_EQ(of_one_second["deleted"], 1);
  EXPECT_EQ(of_one_second["body"]["status"], "canceled");
  EXPECT_EQ(of_one_second["body"]["mrr"], 0);
  EXPECT_EQ(of_one_second["body"]["updated_by"], "evt_5");
  const Json told_later = RowAfter(
      {deleted,
       At(2, "evt_9", "updated", With(Subscription("sub_1", "active"), {{"latest_invoice", "in_2"}})),
       At(0, "evt_1", "updated", Subscription("sub_1", "past_due"))});
  EXPECT_EQ(told_later["status"], "canceled");
  EXPECT_EQ(told_later["body"]["status"], "canceled");
  EXPECT_EQ(told_later["body"]["mrr"], 0);
  EXPECT_EQ(told_later["body"]["latest_invoice"], "in_2") << "all else is the newest fact";
  EXPECT_EQ(told_later["body"]["updated_by"], "evt_9");
}

TEST(Subscriptions, AreTheSameInEveryApiVersion) {
  Json old = With(Subscription("sub_1", "active"),
                  {{"current_period_start", kNoon}, {"current_period_end", kNoon + 2'678'400}});
  Json& item = old["items"]["data"][0];
  item.erase("current_period_start");
  item.erase("current_period_end");
  item["price"].erase("recurring");
  item["plan"] = {{"id", "price_1"},   {"product", "prod_1"}, {"amount", 2000},
                  {"currency", "usd"}, {"interval", "month"}, {"interval_count", 1}};
  item.erase("price");
  EXPECT_EQ(RowAfter({At(0, "evt_1", "updated", old)}),
            RowAfter({At(0, "evt_1", "updated", Subscription("sub_1", "active"))}));
}

TEST(Subscriptions, OfOneIdInTwoAccountsOrLivemodesAreTwo) {
  StripeEvent connected = At(0, "evt_2", "created", Subscription("sub_1", "trialing"));
  connected.account = "acct_1";
  StripeEvent test_mode = At(0, "evt_3", "deleted", Subscription("sub_1", "active"));
  test_mode.livemode = false;
  const std::vector<Json> rows =
      After({At(0, "evt_1", "created", Subscription("sub_1", "active")), connected, test_mode})
          .Rows(Subscriptions::kTable);
  std::map<std::string, std::string> statuses;
  for (const Json& row : rows) statuses[row["body"]["updated_by"]] = row["status"];
  EXPECT_EQ(statuses, (std::map<std::string, std::string>{
                          {"evt_1", "active"}, {"evt_2", "trialing"}, {"evt_3", "canceled"}}));
}

TEST(Subscriptions, TakeAnUnusableEventForAbsentAndSetItAside) {
  StripeEvent broken = At(3, "evt_3", "deleted", nullptr);
  broken.payload =
      R"({"data":{"object":{"object":"subscription","id":"sub_1","status":"canceled","metadata":{"a":"\u0000"}}}})";
  const MemoryReadModel read_model =
      After({At(0, "evt_1", "created", Subscription("sub_1", "active")),
             At(1, "evt_2", "updated", With(Subscription("sub_1", "past_due"), {{"items", 7}})), broken,
             At(4, "evt_4", "updated", {{"object", "customer"}, {"id", "cus_1"}})});
  EXPECT_EQ(read_model.Rows(Subscriptions::kTable).at(0)["status"], "active");
  EXPECT_EQ(read_model.dead_letters(),
            (std::map<std::string, std::string>{
                {"evt_2", "subscription.items must be a list"},
                {"evt_3", "the payload cannot be read: a string holds a NUL character"},
                {"evt_4", "event.data.object must be a subscription"},
            }));
}

TEST(Subscriptions, BelieveStripeAlone) {
  for (Source source : {Source::kApi, Source::kCommand, Source::kSaga}) {
    RecordedEvent posted = Recorded(At(0, "evt_1", "created", Subscription("sub_1", "active")));
    posted.event.source = source;
    EXPECT_EQ(test::Project(kSubscriptions, {posted}, 1).Fingerprint(), "") << NameOf(source);
  }
}

TEST(Subscriptions, AreNotToldOfByEventsAboutOtherThings) {
  const MemoryReadModel read_model = After(
      {{.id = "evt_1", .type = "customer.updated", .object = Subscription("sub_1", "active")},
       {.id = "evt_2", .type = "subscription_schedule.created", .object = Subscription("sub_1", "active")}});
  EXPECT_EQ(read_model.Fingerprint(), "");
}

}  // namespace
}  // namespace billhook
