#include "service/simulate/history.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/newest.h"

namespace billhook::simulate {
namespace {

using nlohmann::json;

constexpr std::uint64_t kEnough = 5'000;  // events in which each turn of fate comes up

std::vector<json> Tell(std::uint64_t seed, std::uint64_t events, Truth* truth = nullptr) {
  std::vector<json> told;
  for (const std::string& body : GenerateHistory({.seed = seed, .events = events}, truth)) {
    told.push_back(json::parse(body));
  }
  return told;
}

bool IsThin(const json& event) {
  return event["object"] == "v2.core.event";
}

std::set<std::string> TypesOf(const std::vector<json>& events) {
  std::set<std::string> types;
  for (const json& event : events) types.insert(event["type"]);
  return types;
}

// The ledger as a reader would keep it who gets each event once and in order: the last state of each object
// counts.
class NaiveLedger {
 public:
  void Read(const json& event) {
    if (IsThin(event)) return;
    const json& object = event["data"]["object"];
    const std::string kind = object["object"];
    if (!object.contains("id")) return;
    last_[kind][object["id"]] = object;
    if (object.contains("balance_transactions")) listed_[object["id"]] = object["balance_transactions"];
    if (event["type"] == "charge.dispute.funds_withdrawn") withdrawn_.insert(object["id"]);
    if (event["type"] == "charge.dispute.funds_reinstated") reinstated_.insert(object["id"]);
  }

  std::map<std::string, LedgerTruth> Sums() {
    sums_.clear();
    Payments();
    Refunds();
    for (const auto& [id, dispute] : last_["dispute"]) {
      if (!listed_.contains(id)) {
        if (withdrawn_.contains(id) && !reinstated_.contains(id))
          Row(dispute).disputed += dispute["amount"].get<std::int64_t>();
        continue;
      }
      for (const json& transaction : listed_[id]) {
        Row(transaction).disputed -= transaction["amount"].get<std::int64_t>();
        Row(transaction).fees += transaction["fee"].get<std::int64_t>();
      }
    }
    for (const auto& [id, payout] : last_["payout"]) {
      const bool counts = payout["status"] == "paid" || payout["status"] == "in_transit";
      if (counts) Row(payout).paid_out += payout["amount"].get<std::int64_t>();
    }
    std::erase_if(sums_, [](const auto& row) { return row.second == LedgerTruth{}; });
    return sums_;
  }

  std::map<std::string, std::string> StatusesOf(const std::string& kind) {
    std::map<std::string, std::string> statuses;
    for (const auto& [id, object] : last_[kind]) statuses[id] = object["status"];
    return statuses;
  }

 private:
  LedgerTruth& Row(const json& object) { return sums_[object["currency"]]; }

  static std::int64_t CapturedOf(const json& charge) {
    const bool captured = charge["captured"].get<bool>();
    return charge.value("amount_captured", captured ? charge["amount"].get<std::int64_t>() : 0);
  }

  void Payments() {
    std::map<std::string, std::int64_t> captured;  // by intent, else by charge
    std::map<std::string, json> any;
    for (const auto& [id, charge] : last_["charge"]) {
      const std::string key =
          charge["payment_intent"].is_null() ? id : charge["payment_intent"].get<std::string>();
      captured[key] += CapturedOf(charge);
      any[key] = charge;
    }
    for (const auto& [id, intent] : last_["payment_intent"]) {
      captured[id] = std::max(captured[id], intent["amount_received"].get<std::int64_t>());
      any[id] = intent;
    }
    for (const auto& [key, amount] : captured) Row(any[key]).gross += amount;
    for (const auto& [id, invoice] : last_["invoice"]) {
      if (invoice.value("paid_out_of_band", false))
        Row(invoice).gross += invoice["amount_paid"].get<std::int64_t>();
    }
    for (const auto& [id, payment] : last_["invoice_payment"]) {
      const bool outside = payment["payment"]["type"] == "payment_record";
      if (outside) Row(payment).gross += payment["amount_paid"].get<std::int64_t>();
    }
  }

  void Refunds() {
    std::map<std::string, std::int64_t> known;  // by charge, whatever their status
    for (const auto& [id, refund] : last_["refund"]) {
      const std::int64_t amount = refund["amount"];
      known[refund["charge"]] += amount;
      if (refund["status"] == "succeeded" || refund["status"] == "pending") Row(refund).refunded += amount;
    }
    for (const auto& [id, charge] : last_["charge"]) {
      const std::int64_t released = charge["amount"].get<std::int64_t>() - CapturedOf(charge);
      const std::int64_t rest = charge["amount_refunded"].get<std::int64_t>() - released - known[id];
      Row(charge).refunded += std::max<std::int64_t>(rest, 0);
    }
  }

  std::map<std::string, std::map<std::string, json>> last_;  // by kind and ID
  std::map<std::string, LedgerTruth> sums_;
  std::map<std::string, json> listed_;  // by dispute
  std::set<std::string> withdrawn_, reinstated_;
};

template <typename Facts>
std::map<std::string, std::string> StatusesIn(const Facts& facts) {
  std::map<std::string, std::string> statuses;
  for (const auto& [id, fact] : facts) statuses[id] = fact.status;
  return statuses;
}

std::map<std::string, LedgerTruth> WithoutEmptyRows(std::map<std::string, LedgerTruth> ledger) {
  std::erase_if(ledger, [](const auto& row) { return row.second == LedgerTruth{}; });
  return ledger;
}

TEST(History, OneSeedGivesTheSameBytes) {
  const HistoryOptions options{.seed = 7, .events = 800};
  EXPECT_EQ(GenerateHistory(options), GenerateHistory(options));
}

// Pinned: the last ID depends on every draw of chance before it.
TEST(History, OneSeedGivesTheSameBytesOnEveryMachine) {
  const std::vector<json> events = Tell(1, 1'000);
  EXPECT_EQ(events.front()["id"], "evt_1QcFLwZVeI4f9v8GqaQTMabw");
  EXPECT_EQ(events.back()["id"], "evt_1SBIKLZVeI4f9v8GiGdlrYIR");
}

// The beginning of one is the second that it was made in.
TEST(History, IdsSortInTheOrderOfTheirSeconds) {
  constexpr std::size_t kBeginning = std::string_view("evt_1QcFLw").size();
  std::map<std::int64_t, std::string> by_second;
  for (const json& event : Tell(3, 2'000)) {
    if (IsThin(event)) continue;
    const std::string beginning = event["id"].get<std::string>().substr(0, kBeginning);
    EXPECT_EQ(by_second.emplace(event["created"], beginning).first->second, beginning);
  }
  ASSERT_GT(by_second.size(), 500U);
  for (auto earlier = by_second.begin(), later = std::next(earlier); later != by_second.end();
       ++earlier, ++later)
    EXPECT_LT(earlier->second, later->second);
}

TEST(History, OtherSeedsLengthsAndModesShareNoEventAndNoObject) {
  const auto ids_of = [](const HistoryOptions& options) {
    std::set<std::string> ids;
    for (const std::string& body : GenerateHistory(options)) {
      const json event = json::parse(body);
      ids.insert(event["id"]);
      if (!IsThin(event)) ids.insert(event["data"]["object"].value("id", ""));
    }
    ids.erase("");
    return ids;
  };
  const std::set<std::string> ids = ids_of({.seed = 1, .events = 1'000});
  for (const HistoryOptions& other :
       {HistoryOptions{.seed = 2, .events = 1'000}, HistoryOptions{.seed = 1, .events = 999},
        HistoryOptions{.seed = 1, .events = 1'000, .livemode = false}}) {
    for (const std::string& id : ids_of(other)) EXPECT_FALSE(ids.contains(id)) << id;
  }
}

TEST(History, HasExactlyAsManyEventsAsAskedForEachWithItsOwnId) {
  for (const std::uint64_t events : {1U, 2U, 17U, 1'000U}) {
    std::set<std::string> ids;
    for (const json& event : Tell(3, events)) ids.insert(event["id"]);
    EXPECT_EQ(ids.size(), events);
  }
}

TEST(History, IsInOrderOfCreatedAndStaysInTheYear2025) {
  History history({.seed = 4, .events = kEnough});
  std::int64_t last = 1'735'689'600;
  while (const auto event = history.Next()) {
    EXPECT_GE(event->created, last);
    last = event->created;
  }
  EXPECT_GT(last, 1'735'689'600 + 200 * 86'400);
  EXPECT_LT(last, 1'767'225'600);
}

TEST(History, TheFieldsBesideTheBodyAreTheBodys) {
  History history({.seed = 5, .events = 500});
  while (const auto event = history.Next()) {
    const json body = json::parse(event->body);
    EXPECT_EQ(body["id"], event->id);
    EXPECT_EQ(body["type"], event->type);
    if (!IsThin(body)) {
      EXPECT_EQ(body["created"], event->created);
    }
  }
}

TEST(History, CompactBodiesSayTheSameInOneLine) {
  const auto pretty = GenerateHistory({.seed = 6, .events = 300, .pretty = true});
  const auto compact = GenerateHistory({.seed = 6, .events = 300, .pretty = false});
  for (std::size_t i = 0; i < pretty.size(); ++i) {
    EXPECT_EQ(nlohmann::ordered_json::parse(pretty[i]).dump(), compact[i]);
    EXPECT_EQ(nlohmann::ordered_json::parse(compact[i]).dump(2), pretty[i]);
  }
}

TEST(History, TestModeIsSaidInEachEventAndObject) {
  for (const bool livemode : {true, false}) {
    for (const std::string& body : GenerateHistory({.seed = 8, .events = 500, .livemode = livemode})) {
      const json event = json::parse(body);
      EXPECT_EQ(event["livemode"], livemode);
      if (!IsThin(event)) {
        EXPECT_EQ(event["data"]["object"].value("livemode", livemode), livemode);
      }
    }
  }
}

TEST(History, BodiesAreAsLargeAsStripes) {
  std::size_t bytes = 0;
  for (const std::string& body : GenerateHistory({.seed = 9, .events = kEnough})) bytes += body.size();
  EXPECT_GT(bytes / kEnough, 3'000U);
  EXPECT_LT(bytes / kEnough, 5'500U);
}

class HistoryOfSeed : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, HistoryOfSeed, testing::Values(1, 2, 20261121));

TEST_P(HistoryOfSeed, TellsEveryKindOfThing) {
  const std::set<std::string> types = TypesOf(Tell(GetParam(), kEnough));
  for (const char* type : {"customer.created",
                           "customer.updated",
                           "customer.deleted",
                           "product.created",
                           "price.created",
                           "customer.subscription.created",
                           "customer.subscription.updated",
                           "customer.subscription.deleted",
                           "customer.subscription.paused",
                           "customer.subscription.trial_will_end",
                           "invoice.created",
                           "invoice.finalized",
                           "invoice.updated",
                           "invoice.sent",
                           "invoice.paid",
                           "invoice.payment_succeeded",
                           "invoice.payment_failed",
                           "invoice.payment_action_required",
                           "invoice.voided",
                           "invoice.deleted",
                           "invoice.marked_uncollectible",
                           "invoice.upcoming",
                           "invoice_payment.paid",
                           "invoiceitem.created",
                           "payment_intent.created",
                           "payment_intent.processing",
                           "payment_intent.requires_action",
                           "payment_intent.succeeded",
                           "payment_intent.payment_failed",
                           "payment_intent.canceled",
                           "payment_intent.amount_capturable_updated",
                           "charge.pending",
                           "charge.succeeded",
                           "charge.failed",
                           "charge.captured",
                           "charge.refunded",
                           "charge.updated",
                           "charge.refund.updated",
                           "refund.created",
                           "refund.updated",
                           "refund.failed",
                           "charge.dispute.created",
                           "charge.dispute.updated",
                           "charge.dispute.closed",
                           "charge.dispute.funds_withdrawn",
                           "charge.dispute.funds_reinstated",
                           "payout.created",
                           "payout.updated",
                           "payout.paid",
                           "payout.failed",
                           "payout.canceled",
                           "checkout.session.completed",
                           "payment_method.attached",
                           "setup_intent.succeeded",
                           "v1.billing.meter.error_report_triggered"}) {
    EXPECT_TRUE(types.contains(type)) << type;
  }
}

TEST_P(HistoryOfSeed, TellsEveryStateOfASubscriptionInvoiceIntentDisputeAndPayout) {
  std::map<std::string, std::set<std::string>> states;
  std::set<std::string> currencies;
  bool captured_in_part = false;
  bool charged_without_intent = false;
  bool upcoming_without_id = false;
  bool fee_in_full = false;
  for (const json& event : Tell(GetParam(), kEnough)) {
    if (IsThin(event)) continue;
    const json& object = event["data"]["object"];
    const std::string kind = object["object"];
    if (object.contains("status")) states[kind].insert(object["status"]);
    if (kind == "charge") {
      currencies.insert(object["currency"]);
      captured_in_part |=
          object["captured"] == true && object.value("amount_captured", std::int64_t{0}) < object["amount"];
      charged_without_intent |= object["payment_intent"].is_null();
    }
    upcoming_without_id |= event["type"] == "invoice.upcoming" && !object.contains("id");
    if (kind == "dispute") {
      for (const json& transaction : object.value("balance_transactions", json::array()))
        fee_in_full |= transaction["fee"] > 0;
    }
  }
  using States = std::set<std::string>;
  EXPECT_EQ(states["subscription"], (States{"active", "canceled", "incomplete", "incomplete_expired",
                                            "past_due", "paused", "trialing", "unpaid"}));
  EXPECT_EQ(states["invoice"], (States{"draft", "open", "paid", "uncollectible", "void"}));
  EXPECT_EQ(states["payment_intent"], (States{"canceled", "processing", "requires_action", "requires_capture",
                                              "requires_payment_method", "succeeded"}));
  EXPECT_EQ(states["dispute"], (States{"lost", "needs_response", "under_review", "warning_closed",
                                       "warning_needs_response", "warning_under_review", "won"}));
  EXPECT_EQ(states["payout"], (States{"canceled", "failed", "in_transit", "paid", "pending"}));
  EXPECT_EQ(states["refund"], (States{"failed", "pending", "succeeded"}));
  EXPECT_EQ(currencies, (States{"eur", "jpy", "kwd", "usd"}));
  EXPECT_TRUE(captured_in_part);
  EXPECT_TRUE(charged_without_intent);
  EXPECT_TRUE(upcoming_without_id);
  EXPECT_TRUE(fee_in_full);
}

TEST_P(HistoryOfSeed, TellsEveryWayOfPricing) {
  std::set<std::string> cadences;
  std::set<std::string> usages;
  std::set<std::string> schemes;
  bool items_with_periods_of_their_own = false;
  for (const json& event : Tell(GetParam(), kEnough)) {
    if (IsThin(event) || event["data"]["object"]["object"] != "subscription") continue;
    std::set<std::int64_t> ends;
    for (const json& item : event["data"]["object"]["items"]["data"]) {
      cadences.insert(item["plan"]["interval_count"].dump() + " " +
                      item["plan"]["interval"].get<std::string>());
      usages.insert(item["plan"]["usage_type"]);
      schemes.insert(item["plan"]["billing_scheme"]);
      ends.insert(item.value("current_period_end", std::int64_t{0}));
    }
    items_with_periods_of_their_own |= ends.size() > 1;
  }
  using Names = std::set<std::string>;
  EXPECT_EQ(cadences, (Names{"1 month", "1 week", "1 year", "2 week", "3 month", "30 day"}));
  EXPECT_EQ(usages, (Names{"licensed", "metered"}));
  EXPECT_EQ(schemes, (Names{"per_unit", "tiered"}));
  EXPECT_TRUE(items_with_periods_of_their_own);
}

TEST_P(HistoryOfSeed, MovesRevenueInEveryWay) {
  Truth truth;
  Tell(GetParam(), kEnough, &truth);
  RevenueTruth sum;
  std::map<std::string, std::int64_t> by_currency;
  for (const auto& [currency, days] : truth.revenue) {
    for (const auto& [day, moved] : days) {
      sum.started += moved.started;
      sum.expansion += moved.expansion;
      sum.contraction += moved.contraction;
      sum.churn += moved.churn;
      sum.reactivation += moved.reactivation;
      by_currency[currency] += moved.net();
    }
  }
  for (const std::int64_t moved : {sum.started, sum.expansion, sum.contraction, sum.churn, sum.reactivation})
    EXPECT_GT(moved, 0);
  std::map<std::string, std::int64_t> now;
  for (const auto& [id, subscription] : truth.subscriptions) {
    now[subscription.currency] += subscription.mrr.value_or(0);
  }
  for (const auto& [currency, mrr] : now) EXPECT_EQ(by_currency[currency], mrr) << currency;
}

TEST(History, TellsTheSameLivesOnTwoAccountsUnderOtherEventIds) {
  const auto told = [](const std::string& account, Truth& truth) {
    std::vector<json> events;
    for (const std::string& body : GenerateHistory({.seed = 13, .events = 600, .account = account}, &truth))
      events.push_back(json::parse(body));
    return events;
  };
  Truth one_truth;
  Truth other_truth;
  const std::vector<json> one = told("acct_1One", one_truth);
  const std::vector<json> other = told("acct_1Other", other_truth);
  EXPECT_EQ(one_truth, other_truth);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_NE(one[i]["id"], other[i]["id"]);
    if (IsThin(one[i])) continue;
    EXPECT_EQ(one[i]["account"], "acct_1One");
    EXPECT_EQ(one[i]["data"], other[i]["data"]);
  }
}

TEST_P(HistoryOfSeed, ShapesAreThoseOfTheEventsApiVersion) {
  std::set<std::string> versions;
  for (const json& event : Tell(GetParam(), kEnough)) {
    if (IsThin(event)) continue;
    const std::string version = event["api_version"];
    const std::string type = event["type"];
    const json& object = event["data"]["object"];
    const std::string kind = object["object"];
    const bool lists_charges = version < "2022-11-15";
    const bool sends_refunds = version >= "2024-10-28";
    const bool basil = version >= "2025-03-31";
    versions.insert(version);
    SCOPED_TRACE(testing::Message() << version << " " << type);
    EXPECT_TRUE(sends_refunds || !type.starts_with("refund."));
    EXPECT_TRUE(basil || !type.starts_with("invoice_payment."));
    if (kind == "payment_intent") {
      EXPECT_EQ(object.contains("charges"), lists_charges);
      EXPECT_EQ(object.contains("latest_charge"), !lists_charges);
      EXPECT_EQ(object.contains("invoice"), !basil);
    } else if (kind == "charge") {
      EXPECT_EQ(object.contains("refunds"), lists_charges);
      EXPECT_EQ(object.contains("invoice"), !basil);
    } else if (kind == "subscription") {
      EXPECT_EQ(object.contains("current_period_end"), !basil);
      EXPECT_EQ(object["items"]["data"][0].contains("current_period_end"), basil);
    } else if (kind == "invoice") {
      EXPECT_EQ(object.contains("subscription"), !basil);
      EXPECT_EQ(object.contains("payment_intent"), !basil);
      EXPECT_EQ(object.contains("charge"), !basil);
      EXPECT_EQ(object.contains("paid_out_of_band"), !basil);
      EXPECT_EQ(object.contains("parent"), basil);
      if (basil) {
        EXPECT_TRUE(object["parent"]["subscription_details"]["subscription"].is_string());
      }
      const bool paid_with_money = type == "invoice.paid" && object["total"] > 0;
      if (basil && paid_with_money) {
        EXPECT_EQ(object["payments"]["data"].size(), 1U);
      }
    }
  }
  EXPECT_EQ(versions, (std::set<std::string>{"2018-02-28", "2020-08-27", "2022-11-15", "2024-06-20",
                                             "2024-10-28.acacia", "2025-03-31.basil", "2025-09-30.clover",
                                             "2026-07-29.dahlia"}));
}

TEST_P(HistoryOfSeed, PreviousAttributesAreWhatTheLastEventOfTheObjectShowed) {
  std::map<std::string, json> last;
  std::map<std::string, std::string> last_version;
  int checked = 0;
  for (const json& event : Tell(GetParam(), kEnough)) {
    if (IsThin(event) || !event["data"]["object"].contains("id")) continue;
    const json& object = event["data"]["object"];
    const std::string id = object["id"];
    const std::string type = event["type"];
    if (event["data"].contains("previous_attributes")) {
      EXPECT_FALSE(event["data"]["previous_attributes"].empty()) << type;
      if (last.contains(id) && last[id] != object && last_version[id] == event["api_version"]) {
        const stripe::Sighting earlier{"evt_1", &last[id], nullptr};
        const stripe::Sighting later{"evt_2", &object, &event["data"]["previous_attributes"]};
        EXPECT_TRUE(stripe::Follows(later, earlier) || stripe::FollowsInPart(later, earlier))
            << type << " " << event["id"];
        ++checked;
      }
    } else {
      EXPECT_FALSE(type.ends_with(".updated")) << type;
    }
    last[id] = object;
    last_version[id] = event["api_version"];
  }
  EXPECT_GT(checked, 500);
}

// Many events share a second; which of them is the newest must never be left to their IDs.
TEST_P(HistoryOfSeed, TiesOfOneSecondExistAndAreDecidedWithoutTheirIds) {
  using Moment = std::tuple<std::string, std::int64_t, stripe::Phase>;
  const std::vector<json> events = Tell(GetParam(), kEnough);
  std::map<Moment, std::vector<const json*>> ties;
  for (const json& event : events) {
    if (IsThin(event) || !event["data"]["object"].contains("id")) continue;
    const std::string type = event["type"];
    ties[{event["data"]["object"]["id"], event["created"], stripe::PhaseOf(type)}].push_back(&event);
  }
  int shared_seconds = 0;
  int chains = 0;
  for (const auto& [moment, tied] : ties) {
    if (tied.size() < 2) continue;
    ++shared_seconds;
    for (std::size_t i = 1; i < tied.size(); ++i) {
      const json& earlier = *tied[i - 1];
      const json& later = *tied[i];
      const bool both = later["type"] == "customer.subscription.updated" && earlier["type"] == later["type"];
      if (both && earlier["data"]["object"] != later["data"]["object"]) ++chains;
    }
    for (const bool backwards : {false, true}) {
      std::vector<std::string> ids;
      for (std::size_t i = 0; i < tied.size(); ++i) {
        ids.push_back("evt_" + std::string(1, static_cast<char>('a' + (backwards ? tied.size() - i : i))));
      }
      std::vector<stripe::Sighting> sightings;
      for (std::size_t i = 0; i < tied.size(); ++i) {
        const json& fields = (*tied[i])["data"];
        const auto previous = fields.find("previous_attributes");
        sightings.push_back({ids[i], &fields["object"], previous == fields.end() ? nullptr : &*previous});
      }
      const json& newest = *sightings[stripe::Newest(sightings)].object;
      EXPECT_EQ(newest, (*tied.back())["data"]["object"])
          << (*tied.back())["type"] << " " << std::get<0>(moment);
    }
  }
  EXPECT_GT(shared_seconds, 300);
  EXPECT_GT(chains, 5);
}

TEST_P(HistoryOfSeed, TheTruthIsWhatAReaderInOrderFinds) {
  for (const std::uint64_t events : {1UL, 50UL, 999UL, kEnough}) {
    SCOPED_TRACE(events);
    Truth truth;
    NaiveLedger ledger;
    for (const json& event : Tell(GetParam(), events, &truth)) ledger.Read(event);
    EXPECT_EQ(WithoutEmptyRows(truth.ledger), ledger.Sums());
    EXPECT_EQ(StatusesIn(truth.subscriptions), ledger.StatusesOf("subscription"));
    EXPECT_EQ(StatusesIn(truth.invoices), ledger.StatusesOf("invoice"));
  }
}

TEST(History, TheTruthIsThatOfTheEventsGivenOutSoFar) {
  History history({.seed = 11, .events = 1'000});
  NaiveLedger ledger;
  std::map<std::string, bool> customers;
  for (int i = 0; i < 1'000; ++i) {
    const auto event = history.Next();
    ASSERT_TRUE(event.has_value());
    const json body = json::parse(event->body);
    ledger.Read(body);
    if (event->type.starts_with("customer.") && body["data"]["object"]["object"] == "customer") {
      customers[body["data"]["object"]["id"]] = event->type == "customer.deleted";
    }
    ASSERT_EQ(WithoutEmptyRows(history.truth().ledger), ledger.Sums()) << i << " " << event->type;
  }
  for (const auto& [id, customer] : history.truth().customers)
    EXPECT_EQ(customer.deleted, customers.at(id)) << id;
  EXPECT_FALSE(history.Next().has_value());
}

TEST(History, NothingHappensToWhatIsOver) {
  std::set<std::string> over;
  for (const json& event : Tell(12, kEnough)) {
    if (IsThin(event)) continue;
    const json& object = event["data"]["object"];
    const std::string type = event["type"];
    if (!object.contains("id")) continue;
    const bool ends = type == "customer.deleted" || type == "customer.subscription.deleted";
    if (!ends) {
      EXPECT_FALSE(over.contains(object["id"])) << type;
    }
    if (ends) over.insert(object["id"]);
  }
  EXPECT_GT(over.size(), 20U);
}

}  // namespace
}  // namespace billhook::simulate
