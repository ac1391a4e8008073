#include "domain/stripe/newest.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace billhook::stripe {
namespace {

// Owns what a Sighting looks at.
struct Seen {
  std::string event_id;
  Json object;
  Json previous = nullptr;
};

std::string NewestOf(const std::vector<Seen>& seen) {
  std::vector<Sighting> sightings;
  for (const Seen& one : seen) sightings.push_back({one.event_id, &one.object, &one.previous});
  return seen[Newest(sightings)].event_id;
}

bool FollowsOn(const Json& previous, const Json& earlier_object) {
  const Json later_object = Json::object();
  return Follows({"evt_2", &later_object, &previous}, {"evt_1", &earlier_object, nullptr});
}

// The same answer whatever the order; it.
std::string NewestInEveryOrder(const std::vector<Seen>& seen) {
  std::vector<std::size_t> order(seen.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::string expected = NewestOf(seen);
  do {
    std::vector<Seen> arrival;
    for (std::size_t i : order) arrival.push_back(seen[i]);
    EXPECT_EQ(NewestOf(arrival), expected);
  } while (std::next_permutation(order.begin(), order.end()));
  return expected;
}

Json Invoice(const std::string& status) {
  return {{"object", "invoice"}, {"status", status}};
}

TEST(Moment, IsNewerByItsSecondThenByItsPhase) {
  EXPECT_LT((Moment{1, Phase::kDeleted}), (Moment{2, Phase::kCreated}));
  EXPECT_LT((Moment{1, Phase::kCreated}), (Moment{1, Phase::kChanged}));
  EXPECT_LT((Moment{1, Phase::kChanged}), (Moment{1, Phase::kDeleted}));
}

TEST(Phase, IsToldByTheEndOfTheType) {
  EXPECT_EQ(PhaseOf("customer.subscription.created"), Phase::kCreated);
  EXPECT_EQ(PhaseOf("charge.dispute.created"), Phase::kCreated);
  EXPECT_EQ(PhaseOf("customer.deleted"), Phase::kDeleted);
  for (const char* type : {"charge.updated", "charge.refunded", "invoice.paid", "created", "deleted",
                           "x.uncreated", "a.created.b", ""}) {
    EXPECT_EQ(PhaseOf(type), Phase::kChanged) << type;
  }
}

TEST(Follows, WhenEveryPreviousAttributeHasThatVeryValueInTheEarlierObject) {
  const Json object = {{"status", "open"}, {"amount", 100}, {"tags", {1, 2}}, {"paid", false}};
  EXPECT_TRUE(FollowsOn({{"status", "open"}}, object));
  EXPECT_TRUE(FollowsOn({{"status", "open"}, {"amount", 100}, {"paid", false}}, object));
  EXPECT_TRUE(FollowsOn({{"tags", {1, 2}}}, object));
  EXPECT_FALSE(FollowsOn({{"status", "draft"}}, object));
  EXPECT_FALSE(FollowsOn({{"status", "open"}, {"amount", 101}}, object));
  EXPECT_FALSE(FollowsOn({{"tags", {1}}}, object)) << "arrays are compared whole";
  EXPECT_FALSE(FollowsOn({{"tags", {2, 1}}}, object));
  EXPECT_FALSE(FollowsOn({{"amount", "100"}}, object));
  EXPECT_FALSE(FollowsOn({{"amount", {{"value", 100}}}}, object));
}

TEST(Follows, NothingWithoutPreviousAttributes) {
  const Json object = {{"status", "open"}};
  EXPECT_FALSE(FollowsOn(nullptr, object));
  EXPECT_FALSE(FollowsOn(Json::object(), object));
  EXPECT_FALSE(FollowsOn(Json::array({"status"}), object));
  EXPECT_FALSE(Follows({"evt_2", &object, nullptr}, {"evt_1", &object, nullptr}));
}

TEST(Follows, TakesNullForAnAbsentMember) {
  const Json object = {{"canceled_at", nullptr}, {"metadata", {{"a", "1"}}}};
  EXPECT_TRUE(FollowsOn({{"canceled_at", nullptr}}, object));
  EXPECT_TRUE(FollowsOn({{"ended_at", nullptr}}, object));
  EXPECT_FALSE(FollowsOn({{"metadata", nullptr}}, object));
  EXPECT_FALSE(FollowsOn({{"canceled_at", 1}}, object));
  EXPECT_FALSE(FollowsOn({{"ended_at", 1}}, object));
}

TEST(Follows, InFullComparesHashesWholeAndInPartByTheirChangedKeys) {
  const Json object = {{"metadata", {{"a", "1"}, {"b", "2"}}}, {"deep", {{"er", {{"x", 1}, {"y", 2}}}}}};
  const Json later_object = Json::object();
  const auto in_part = [&](const Json& previous) {
    return FollowsInPart({"evt_2", &later_object, &previous}, {"evt_1", &object, nullptr});
  };
  EXPECT_TRUE(FollowsOn({{"metadata", {{"a", "1"}, {"b", "2"}}}}, object));
  EXPECT_FALSE(FollowsOn({{"metadata", {{"a", "1"}}}}, object));
  EXPECT_TRUE(in_part({{"metadata", {{"a", "1"}}}}));
  EXPECT_TRUE(in_part({{"deep", {{"er", {{"y", 2}}}}}}));
  EXPECT_TRUE(in_part({{"metadata", {{"c", nullptr}}}})) << "a key that was added";
  EXPECT_FALSE(in_part({{"metadata", {{"a", "2"}}}}));
  EXPECT_FALSE(in_part({{"metadata", {{"c", "3"}}}}));
  EXPECT_FALSE(in_part({{"metadata", "none"}}));
  EXPECT_FALSE(in_part({{"metadata", Json::object()}})) << "there was none at all";
}

// A hash was taken for part of any that has more keys, which made cycles of plain chains: then the greatest
// ID won, and a payout that had come back stayed booked.
TEST(Newest, OfAChainOfWholeHashesIsItsTail) {
  const auto link = [](const std::string& id, const Json& metadata, const Json& before) {
    return Seen{id,
                {{"object", "customer"}, {"metadata", metadata}},
                before.is_null() ? before : Json{{"metadata", before}}};
  };
  const Json none = Json::object();
  EXPECT_EQ(NewestInEveryOrder({link("evt_9", none, nullptr), link("evt_8", {{"k", "1"}}, none),
                                link("evt_1", {{"k", "2"}}, {{"k", "1"}})}),
            "evt_1");
  EXPECT_EQ(
      NewestInEveryOrder({link("evt_9", {{"a", "1"}}, nullptr), link("evt_5", {{"a", "2"}}, {{"a", "1"}}),
                          link("evt_1", {{"a", "1"}, {"b", "2"}}, {{"a", "2"}})}),
      "evt_1");
}

TEST(Newest, OfAChainOfChangedKeysIsItsTail) {
  const auto link = [](const std::string& id, const Json& metadata, const Json& before) {
    return Seen{id,
                {{"object", "customer"}, {"metadata", metadata}},
                before.is_null() ? before : Json{{"metadata", before}}};
  };
  EXPECT_EQ(NewestInEveryOrder({link("evt_9", {{"a", "1"}, {"z", "0"}}, nullptr),
                                link("evt_5", {{"a", "2"}, {"z", "0"}}, {{"a", "1"}}),
                                link("evt_1", {{"a", "2"}, {"b", "3"}, {"z", "0"}}, {{"b", nullptr}})}),
            "evt_1");
}

TEST(Newest, OfAChainIsItsTailHoweverTheLinksArrived) {
  for (int links = 1; links <= 5; ++links) {
    // Everything else speaks for the head: its status ranks highest and its event ID is the greatest.
    std::vector<Seen> chain;
    for (int i = 0; i < links; ++i) {
      Json object = Invoice(i == 0 ? "paid" : "open");
      object["attempt"] = i;
      chain.push_back(
          {"evt_" + std::to_string(9 - i), object, i == 0 ? Json(nullptr) : Json{{"attempt", i - 1}}});
    }
    EXPECT_EQ(NewestInEveryOrder(chain), chain.back().event_id) << links << " links";
  }
}

TEST(Newest, OfAChainWithAMissingLinkIsAmongTheTailsOfItsPieces) {
  const auto link = [](int i, const std::string& status) {
    Json object = Invoice(status);
    object["attempt"] = i;
    return Seen{"evt_" + std::to_string(i), object, i == 0 ? Json(nullptr) : Json{{"attempt", i - 1}}};
  };
  // 0 <- 1, then a gap, then 3 <- 4: nothing follows 1 or 4.
  EXPECT_EQ(NewestInEveryOrder({link(0, "paid"), link(1, "open"), link(3, "paid"), link(4, "open")}),
            "evt_4");
  EXPECT_EQ(NewestInEveryOrder({link(0, "paid"), link(1, "paid"), link(3, "paid"), link(4, "open")}), "evt_1")
      << "of two tails the higher status wins";
}

TEST(Newest, OfACycleIsTheHighestInRankThenTheGreatestId) {
  const Seen there = {"evt_2", Invoice("open"), {{"status", "paid"}}};
  const Seen back = {"evt_1", Invoice("paid"), {{"status", "open"}}};
  EXPECT_EQ(NewestInEveryOrder({there, back}), "evt_1");
  const Seen twin = {"evt_3", Invoice("paid"), {{"status", "open"}}};
  EXPECT_EQ(NewestInEveryOrder({there, back, twin}), "evt_3");
}

TEST(Newest, IsWhatNothingFollowsBesideACycle) {
  const Seen there = {"evt_2", {{"object", "invoice"}, {"status", "open"}, {"n", 1}}, {{"status", "paid"}}};
  const Seen back = {"evt_3", {{"object", "invoice"}, {"status", "paid"}, {"n", 1}}, {{"status", "open"}}};
  const Seen apart = {"evt_1", {{"object", "invoice"}, {"status", "draft"}, {"n", 2}}};
  EXPECT_EQ(NewestInEveryOrder({there, back, apart}), "evt_1");
}

TEST(Newest, IsTheHighestInRankBeforeTheGreatestId) {
  EXPECT_EQ(NewestInEveryOrder(
                {{"evt_9", Invoice("draft")}, {"evt_1", Invoice("paid")}, {"evt_5", Invoice("open")}}),
            "evt_1");
  EXPECT_EQ(NewestInEveryOrder({{"evt_9", Invoice("a status of tomorrow")}, {"evt_1", Invoice("draft")}}),
            "evt_1");
  EXPECT_EQ(NewestInEveryOrder(
                {{"evt_2", Invoice("paid")}, {"evt_3", Invoice("void")}, {"evt_1", Invoice("paid")}}),
            "evt_3");
  EXPECT_EQ(NewestInEveryOrder({{"evt_10", Json::object()}, {"evt_9", Json::object()}}), "evt_9")
      << "IDs are texts";
}

TEST(LifecycleRank, RisesThroughTheLifeOfEachObject) {
  const struct {
    const char* object;
    std::vector<std::vector<const char*>> ascending;
  } lives[] = {
      {"invoice", {{"draft"}, {"open"}, {"uncollectible"}, {"paid", "void"}}},
      {"payment_intent",
       {{"requires_payment_method", "requires_confirmation", "requires_action"},
        {"processing"},
        {"requires_capture"},
        {"succeeded", "canceled"}}},
      {"refund", {{"pending", "requires_action"}, {"succeeded"}, {"failed", "canceled"}}},
      {"dispute",
       {{"needs_response", "warning_needs_response"},
        {"under_review", "warning_under_review"},
        {"won", "lost", "warning_closed"}}},
      {"payout", {{"pending"}, {"in_transit"}, {"paid"}, {"failed", "canceled"}}},
      {"subscription",
       {{"incomplete"},
        {"trialing", "active"},
        {"past_due"},
        {"unpaid", "paused"},
        {"canceled", "incomplete_expired"}}},
      {"charge", {{"pending"}, {"succeeded", "failed"}}},
      {"checkout.session", {{"open"}, {"complete", "expired"}}},
  };
  for (const auto& life : lives) {
    int below = LifecycleRank({{"object", life.object}, {"status", "unheard of"}});
    EXPECT_EQ(below, -1);
    for (const auto& level : life.ascending) {
      const int rank = LifecycleRank({{"object", life.object}, {"status", level.front()}});
      EXPECT_GT(rank, below) << life.object << " " << level.front();
      for (const char* status : level) {
        EXPECT_EQ(LifecycleRank({{"object", life.object}, {"status", status}}), rank)
            << life.object << " " << status;
      }
      below = rank;
    }
  }
}

TEST(LifecycleRank, OfACheckoutSessionGrowsWithItsPayment) {
  const auto rank = [](const char* status, const char* payment_status) {
    return LifecycleRank(
        {{"object", "checkout.session"}, {"status", status}, {"payment_status", payment_status}});
  };
  EXPECT_LT(rank("open", "unpaid"), rank("complete", "unpaid"));
  EXPECT_LT(rank("complete", "unpaid"), rank("complete", "paid"));
}

TEST(LifecycleRank, IsBelowAllWithoutAStatus) {
  for (const Json& object :
       {Json::object(), Json{{"object", "invoice"}}, Json{{"object", "invoice"}, {"status", nullptr}},
        Json{{"object", 7}, {"status", 7}}, Json{{"object", "customer"}, {"status", "open"}},
        Json(nullptr)}) {
    EXPECT_EQ(LifecycleRank(object), -1) << object;
  }
}

// Sightings of few states, so that they follow one another in all ways, cycles included.
std::vector<Seen> GenSightings() {
  std::vector<Seen> seen;
  const int count = *rc::gen::inRange(1, 7);
  for (int i = 0; i < count; ++i) {
    Json object = Invoice(*rc::gen::element<std::string>("draft", "open", "paid", "void", "unheard of"));
    object["n"] = *rc::gen::inRange(0, 3);
    Json previous = nullptr;
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        previous = {{"n", *rc::gen::inRange(0, 3)}};
        break;
      case 1:
        previous = {{"status", *rc::gen::element<std::string>("draft", "open", "paid")}};
        break;
      case 2:
        previous = Json::object();
        break;
      default:
        break;
    }
    seen.push_back({"evt_" + std::to_string(i), object, previous});
  }
  return seen;
}

RC_GTEST_PROP(Newest, IsTheSameInEveryOrder, (std::uint64_t seed)) {
  std::vector<Seen> seen = GenSightings();
  const std::string expected = NewestOf(seen);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10; ++i) {
    std::shuffle(seen.begin(), seen.end(), random);
    RC_ASSERT(NewestOf(seen) == expected);
  }
}

RC_GTEST_PROP(Newest, IsFollowedOnlyInACycleOfAll, ()) {
  const std::vector<Seen> seen = GenSightings();
  const std::string newest = NewestOf(seen);
  const auto followed = [&seen](const Seen& one) {
    return std::any_of(seen.begin(), seen.end(), [&one](const Seen& other) {
      return &other != &one &&
             Follows({other.event_id, &other.object, &other.previous}, {one.event_id, &one.object, nullptr});
    });
  };
  const auto chosen =
      std::find_if(seen.begin(), seen.end(), [&](const Seen& one) { return one.event_id == newest; });
  if (followed(*chosen)) RC_ASSERT(std::all_of(seen.begin(), seen.end(), followed));
}

std::vector<Sighting> SightingsOf(const std::vector<Seen>& seen) {
  std::vector<Sighting> sightings;
  for (const Seen& one : seen) sightings.push_back({one.event_id, &one.object, &one.previous});
  return sightings;
}

// The event IDs from the oldest to the newest.
std::vector<std::string> IdsInOrder(const std::vector<Seen>& seen) {
  std::vector<std::string> ids;
  for (std::size_t index : InOrder(SightingsOf(seen))) ids.push_back(seen[index].event_id);
  return ids;
}

TEST(InOrder, OfNothingIsNothing) {
  EXPECT_TRUE(InOrder({}).empty());
}

TEST(InOrder, StandsFromTheOldestToTheNewest) {
  const auto step = [](const std::string& id, int n, const Json& previous, const std::string& status) {
    Json object = Invoice(status);
    object["n"] = n;
    return Seen{id, object, previous};
  };
  EXPECT_EQ(IdsInOrder({step("evt_7", 2, {{"n", 1}}, "open"), step("evt_9", 0, nullptr, "paid"),
                        step("evt_8", 1, {{"n", 0}}, "draft")}),
            (std::vector<std::string>{"evt_9", "evt_8", "evt_7"}));
  EXPECT_EQ(IdsInOrder({step("evt_1", 0, nullptr, "paid"), step("evt_3", 0, nullptr, "open"),
                        step("evt_2", 0, nullptr, "open"), step("evt_9", 0, nullptr, "draft")}),
            (std::vector<std::string>{"evt_9", "evt_2", "evt_3", "evt_1"}));
}

RC_GTEST_PROP(InOrder, IsAPermutationThatEndsInTheNewest, ()) {
  const std::vector<Seen> seen = GenSightings();
  const std::vector<Sighting> sightings = SightingsOf(seen);
  std::vector<std::size_t> order = InOrder(sightings);
  RC_ASSERT(order.size() == seen.size());
  RC_ASSERT(order.back() == Newest(sightings));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) RC_ASSERT(order[i] == i);
}

RC_GTEST_PROP(InOrder, IsTheSameWhateverOrderItIsGivenIn, (std::uint64_t seed)) {
  std::vector<Seen> seen = GenSightings();
  const std::vector<std::string> expected = IdsInOrder(seen);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 10; ++i) {
    std::shuffle(seen.begin(), seen.end(), random);
    RC_ASSERT(IdsInOrder(seen) == expected);
  }
}

// "Stands before", as two arrivals of one set tell it: the order of each pair is asked of another arrival, so
// that a relation that depends on arrival could not be total, antisymmetric and transitive at once.
RC_GTEST_PROP(InOrder, OrdersEverySetTotally, (std::uint64_t seed)) {
  const std::vector<Seen> seen = GenSightings();
  std::mt19937_64 random(seed);
  const auto before = [&](const std::string& a, const std::string& b) {
    std::vector<Seen> arrival = seen;
    std::shuffle(arrival.begin(), arrival.end(), random);
    const std::vector<std::string> ids = IdsInOrder(arrival);
    return std::find(ids.begin(), ids.end(), a) < std::find(ids.begin(), ids.end(), b);
  };
  for (const Seen& a : seen) {
    RC_ASSERT(!before(a.event_id, a.event_id));
    for (const Seen& b : seen) {
      if (a.event_id == b.event_id) continue;
      const bool a_first = before(a.event_id, b.event_id);
      RC_ASSERT(a_first != before(b.event_id, a.event_id));
      for (const Seen& c : seen) {
        if (a_first && before(b.event_id, c.event_id)) RC_ASSERT(before(a.event_id, c.event_id));
      }
    }
  }
}

RC_GTEST_PROP(InOrder, TakesTheNewestOffOneAfterAnother, ()) {
  std::vector<Seen> left = GenSightings();
  std::vector<std::string> order = IdsInOrder(left);
  while (!left.empty()) {
    const std::size_t newest = Newest(SightingsOf(left));
    RC_ASSERT(left[newest].event_id == order.back());
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(newest));
    order.pop_back();
  }
}

RC_GTEST_PROP(InOrder, KeepsAChainHoweverItsLinksArrived, (std::uint64_t seed)) {
  std::mt19937_64 random(seed);
  const int links = *rc::gen::inRange(1, 9);
  std::vector<Seen> chain;
  std::vector<std::string> expected;
  for (int i = 0; i < links; ++i) {
    Json object = Invoice(*rc::gen::element<std::string>("draft", "open", "paid", "void", "unheard of"));
    object["step"] = i;
    Json previous = i == 0 ? Json(nullptr) : Json{{"step", i - 1}};
    if (i > 0 && *rc::gen::arbitrary<bool>()) previous["status"] = chain.back().object["status"];
    // IDs that say nothing of the order.
    chain.push_back({"evt_" + std::to_string(random() % 90 + 10) + std::to_string(i), object, previous});
    expected.push_back(chain.back().event_id);
  }
  for (int i = 0; i < 5; ++i) {
    std::shuffle(chain.begin(), chain.end(), random);
    RC_ASSERT(IdsInOrder(chain) == expected);
    RC_ASSERT(NewestOf(chain) == expected.back());
  }
}

RC_GTEST_PROP(Moment, IsComparedByItsSecondBeforeItsPhase, ()) {
  const auto moment = [] {
    return Moment{*rc::gen::inRange<std::int64_t>(0, 3), static_cast<Phase>(*rc::gen::inRange(0, 3))};
  };
  const Moment a = moment();
  const Moment b = moment();
  const Moment c = moment();
  RC_ASSERT((a < b) ==
            (a.created_s < b.created_s ||
             (a.created_s == b.created_s && static_cast<int>(a.phase) < static_cast<int>(b.phase))));
  RC_ASSERT((a < b) + (b < a) + (a == b) == 1);
  if (a < b && b < c) RC_ASSERT(a < c);
}

}  // namespace
}  // namespace billhook::stripe
