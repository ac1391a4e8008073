#include "domain/stripe/upcast.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/fixtures.h"

namespace billhook::stripe {
namespace {

// The member as it stands after the upcast.
Json After(std::string_view name, const Json& object, const char* key) {
  const Overlay newest = Upcast(name, object);
  const Json* member = newest.Find(key);
  return member == nullptr ? Json(nullptr) : *member;
}

TEST(Upcasters, StandInOrderOfObjectAndRelease) {
  const std::span<const Upcaster> upcasters = Upcasters();
  for (std::size_t i = 1; i < upcasters.size(); ++i) {
    EXPECT_LE(std::make_pair(upcasters[i - 1].object, upcasters[i - 1].release),
              std::make_pair(upcasters[i].object, upcasters[i].release))
        << upcasters[i].what;
  }
}

TEST(Upcasters, ChangeNothingOfTheOriginal) {
  for (const test::Fixture& fixture : test::AllFixtures()) {
    const Json object = fixture.object();
    const Json before = object;
    const Overlay newest = Upcast(object.value("object", ""), object);
    EXPECT_EQ(object, before) << fixture.name();
    EXPECT_EQ(&newest.original(), &object);
  }
}

TEST(Upcasters, RunOnlyForTheirOwnObject) {
  const Json object = {{"object", "subscription"}, {"billing", "send_invoice"}};
  EXPECT_EQ(After("subscription", object, "collection_method"), "send_invoice");
  EXPECT_EQ(After("invoice", object, "collection_method"), "send_invoice");
  EXPECT_EQ(After("customer", object, "collection_method"), nullptr);
  EXPECT_EQ(After("", object, "collection_method"), nullptr);
}

TEST(Upcasters, LeaveWhatTheNewestShapeSaysAlready) {
  const struct {
    const char* name;
    Json object;
  } cases[] = {
      {"subscription", {{"collection_method", "send_invoice"}, {"billing", "charge_automatically"}}},
      {"subscription", {{"start_date", 1}, {"start", 2}, {"created", 3}}},
      {"subscription", {{"items", {{"data", Json::array()}}}, {"plan", {{"id", "gold"}}}, {"quantity", 2}}},
      {"invoice",
       {{"amount_paid", 0},
        {"status", "open"},
        {"paid", true},
        {"created", 1},
        {"date", 2},
        {"parent", {{"type", "quote_details"}}},
        {"subscription", "sub_1"},
        {"payments", {{"data", Json::array()}}},
        {"charge", "ch_1"}}},
      {"payment_intent",
       {{"status", "requires_payment_method"},
        {"latest_charge", "ch_2"},
        {"charges", {{"data", Json::array({"ch_1"})}}}}},
      {"charge",
       {{"status", "failed"}, {"paid", true}, {"amount", 5}, {"captured", true}, {"amount_captured", 3}}},
      {"refund", {{"status", "failed"}}},
      {"credit_note", {{"refunds", Json::array()}, {"refund", "re_1"}}},
  };
  for (const auto& c : cases) EXPECT_TRUE(Upcast(c.name, c.object).changes().is_null()) << c.name << c.object;
}

TEST(Upcasters, ReadTheStatusOfAnInvoiceOffItsFlags) {
  const auto status = [](bool paid, bool forgiven, bool closed, bool attempted,
                         const char* billing = nullptr) {
    Json invoice = {{"paid", paid}, {"forgiven", forgiven}, {"closed", closed}, {"attempted", attempted}};
    if (billing != nullptr) invoice["billing"] = billing;
    return After("invoice", invoice, "status");
  };
  EXPECT_EQ(status(true, false, true, true), "paid");
  EXPECT_EQ(status(true, true, true, true), "paid") << "a forgiven one that was paid in the end";
  EXPECT_EQ(status(false, true, true, true), "uncollectible");
  EXPECT_EQ(status(false, false, true, false), "open") << "closed: no longer collected, still owed";
  EXPECT_EQ(status(false, false, false, true), "open");
  EXPECT_EQ(status(false, false, false, false), "draft");
  EXPECT_EQ(status(false, false, false, false, "send_invoice"), nullptr) << "it may have been sent or not";
  EXPECT_EQ(After("invoice", {{"attempted", false}}, "status"), nullptr) << "no sign of any status";
  EXPECT_EQ(After("invoice", {{"paid", "yes"}}, "status"), nullptr);
}

TEST(Upcasters, TakeTheFirstOfAnIntentsChargesForItsLatest) {
  const auto latest = [](const Json& charges) {
    return After("payment_intent", {{"charges", charges}}, "latest_charge");
  };
  EXPECT_EQ(latest({{"data", {{{"id", "ch_2"}}, {{"id", "ch_1"}}}}}), "ch_2");
  EXPECT_EQ(latest({{"data", Json::array({"ch_3"})}}), "ch_3");
  for (const Json& charges :
       {Json(7), Json::array({"ch_1"}), Json{{"data", 7}}, Json{{"data", Json::array()}}, Json{{"data", {7}}},
        Json{{"data", Json::array({""})}}, Json{{"data", {{{"id", 7}}}}},
        Json{{"data", {{{"object", "charge"}}}}}}) {
    EXPECT_EQ(latest(charges), nullptr) << charges;
  }
}

TEST(Upcasters, GiveEachItemThePeriodOfItsSubscription) {
  const Json items = After("subscription",
                           {{"current_period_start", 5},
                            {"current_period_end", 9},
                            {"items",
                             {{"data",
                               {{{"id", "si_1"}},
                                {{"id", "si_2"}, {"current_period_start", 6}, {"current_period_end", 9}},
                                {{"id", "si_3"}, {"current_period_start", "6"}}}}}}},
                           "items")["data"];
  EXPECT_EQ(items[0], (Json{{"id", "si_1"}, {"current_period_start", 5}, {"current_period_end", 9}}));
  EXPECT_EQ(items[1]["current_period_start"], 5) << "the subscription's own is the one";
  EXPECT_EQ(items[2]["current_period_start"], "6") << "left for the decoder to refuse";
}

// A value of some type, a few levels deep, of members that upcasters look for.
Json AnyValue(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 9 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::inRange<std::int64_t>(-2, 10);
    case 3:
      return *rc::gen::element<std::string>("", "paid", "ch_1", "requires_source", "send_invoice");
    case 4:
      return 1.5;
    case 5:
      return Json::array();
    case 6:
      return Json::array({AnyValue(depth - 1), AnyValue(depth - 1)});
    default:
      break;
  }
  Json object = Json::object();
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    const auto key =
        *rc::gen::element<std::string>("data", "id", "items", "plan", "price", "interval", "amount",
                                       "recurring", "current_period_start", "unit_amount", "product");
    object[key] = AnyValue(depth - 1);
  }
  return object;
}

RC_GTEST_PROP(Upcasters, BringWhateverTheyGetIntoAShapeThatNeedsNoneOfThem, ()) {
  const std::vector<const char*> keys = {"status",
                                         "paid",
                                         "captured",
                                         "amount",
                                         "amount_captured",
                                         "refund",
                                         "refunds",
                                         "closed",
                                         "forgiven",
                                         "attempted",
                                         "amount_due",
                                         "amount_paid",
                                         "date",
                                         "created",
                                         "billing",
                                         "parent",
                                         "payments",
                                         "subscription",
                                         "charge",
                                         "charges",
                                         "payment_intent",
                                         "items",
                                         "plan",
                                         "quantity",
                                         "start",
                                         "start_date",
                                         "total",
                                         "latest_charge",
                                         "current_period_start",
                                         "current_period_end"};
  Json object = Json::object();
  for (const char* key : keys) {
    if (*rc::gen::arbitrary<bool>()) object[key] = AnyValue(3);
  }
  for (const Upcaster& any : Upcasters()) {
    const Overlay newest = Upcast(any.object, object);
    for (const Upcaster& upcaster : Upcasters()) {
      if (upcaster.object == any.object) RC_ASSERT(!upcaster.is_old(newest));
    }
  }
}

TEST(Upcasters, LeaveWhatIsNoObject) {
  for (const Json& object : {Json(nullptr), Json(7), Json("sub_1"), Json::array({1})}) {
    for (const Upcaster& upcaster : Upcasters()) {
      const Overlay newest = Upcast(upcaster.object, object);
      EXPECT_FALSE(upcaster.is_old(newest)) << upcaster.what;
    }
  }
}

TEST(Overlay, ShowsItsOwnMembersBeforeTheOriginals) {
  const Json original = {{"a", 1}, {"b", {{"c", 2}}}, {"n", nullptr}};
  Overlay overlay(original);
  EXPECT_EQ(*overlay.Find("a"), 1);
  EXPECT_EQ(overlay.Find("n"), nullptr);
  EXPECT_EQ(overlay.Find("x"), nullptr);
  overlay.Put("a", 7);
  overlay.Own("b")["c"] = 8;
  EXPECT_EQ(*overlay.Find("a"), 7);
  EXPECT_EQ(overlay.Own("b"), (Json{{"c", 8}}));
  EXPECT_EQ(original["b"]["c"], 2);
  EXPECT_EQ(overlay.changes(), (Json{{"a", 7}, {"b", {{"c", 8}}}}));
}

}  // namespace
}  // namespace billhook::stripe
