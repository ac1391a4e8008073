#include "domain/sagas/dunning.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/support/saga_world.h"
#include "tests/support/stripe_events.h"

namespace billhook::sagas {
namespace {

using test::kNoon;
using test::SagaWorld;

constexpr std::int64_t kGraceS = 100;

UnixMicros At(std::int64_t seconds) {
  return (kNoon + seconds) * kMicrosPerSecond;
}

Json InvoiceOf(const std::string& id, const std::string& subscription = "sub_1") {
  const Json parent = {{"type", "subscription_details"},
                       {"subscription_details", {{"subscription", subscription}}}};
  return test::With(test::Invoice(id, "open"), {{"parent", parent}});
}

// The log of Stripe's events, and what dunning makes of it, as the runtime does.
class Office {
 public:
  void Arrive(const std::string& type, const std::string& invoice, std::int64_t occurred_s,
              std::int64_t recorded_s) {
    Arrive({.id = "evt_" + std::to_string(log_.size()),
            .type = type,
            .object = InvoiceOf(invoice),
            .created_s = kNoon + occurred_s},
           recorded_s);
  }
  void Arrive(const test::StripeEvent& event, std::int64_t recorded_s) {
    RecordedEvent recorded = test::Recorded(event);
    recorded.recorded_at = At(recorded_s);
    const std::optional<InvoiceNews> news = ReadInvoiceNews(recorded);
    if (!news) return;
    const bool settled_before = std::any_of(log_.begin(), log_.end(), [&news](const InvoiceNews& other) {
      return other.settled && SameInvoice(other, *news);
    });
    log_.push_back(*news);
    const std::string id = DunningIdOf(*news);
    if (std::find(ids_.begin(), ids_.end(), id) == ids_.end()) ids_.push_back(id);
    if (const auto decided =
            React(world.Saga(id), *news, settled_before, kGraceS * kMicrosPerSecond, At(recorded_s)))
      world.RecordSaga(id, *decided);
    Tick(recorded_s);
  }
  void Tick(std::int64_t now_s) {
    for (const std::string& id : ids_) world.Run(kDunning, id, At(now_s));
  }
  std::string Course(std::size_t saga = 0) {
    return world.Saga(ids_.at(saga)).is_null() ? "none" : world.Course(ids_.at(saga));
  }
  bool Suspended(const std::string& subscription = "sub_1") {
    const Json& state = world.State("access", subscription);
    return !state.is_null() && state.at("status") == "suspended";
  }
  // The events of access alone.
  std::string Told() {
    std::string text;
    for (const std::string& type : world.told) {
      if (type.starts_with("Access")) text += (text.empty() ? "" : " ") + type;
    }
    return text;
  }

  SagaWorld world;

 private:
  std::vector<InvoiceNews> log_;
  std::vector<std::string> ids_;
};

TEST(Dunning, IsOverWithoutASuspensionWhereTheInvoiceIsPaidInTime) {
  Office office;
  office.Arrive("invoice.payment_failed", "in_1", 0, 1);
  EXPECT_EQ(office.Course(), " -> waiting");
  office.Tick(99);
  office.Arrive("invoice.paid", "in_1", 99, 99);
  EXPECT_EQ(office.Course(), "await_payment completed -> completed");
  office.Tick(1'000);
  EXPECT_EQ(office.Told(), "");
}

TEST(Dunning, SuspendsAccessWhenTheGraceIsOverAndRestoresItOncePaid) {
  Office office;
  office.Arrive("invoice.payment_failed", "in_1", 0, 1);
  office.Tick(99);
  EXPECT_EQ(office.Told(), "");
  office.Tick(100);
  EXPECT_EQ(office.Told(), "AccessSuspended");
  EXPECT_EQ(office.Course(), "suspend_access completed -> waiting");
  office.Tick(1'000'000);
  office.Arrive("invoice.payment_failed", "in_1", 1'000'000, 1'000'000);
  EXPECT_EQ(office.Told(), "AccessSuspended") << "once";
  office.Arrive("invoice.paid", "in_1", 1'000'001, 1'000'001);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessRestored");
  EXPECT_EQ(office.Course(),
            "suspend_access completed, await_payment completed, restore_access completed -> completed");
  office.Arrive("invoice.payment_succeeded", "in_1", 1'000'001, 1'000'002);
  office.Arrive("invoice.payment_failed", "in_1", 1'000'001, 1'000'002);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessRestored");
}

TEST(Dunning, EndsWhereTheInvoiceIsVoidedOrDeletedButNotWhereItIsUncollectible) {
  for (const char* type : {"invoice.voided", "invoice.deleted", "invoice.payment_succeeded"}) {
    Office office;
    office.Arrive("invoice.payment_failed", "in_1", 0, 0);
    office.Arrive(type, "in_1", 1, 1);
    EXPECT_EQ(office.Course(), "await_payment completed -> completed") << type;
  }
  Office office;
  office.Arrive("invoice.payment_failed", "in_1", 0, 0);
  office.Arrive("invoice.marked_uncollectible", "in_1", 1, 1);
  office.Tick(100);
  EXPECT_EQ(office.Told(), "AccessSuspended");
}

TEST(Dunning, StartsForNoFailureThatIsOldOrSettledOrOfNoSubscription) {
  Office office;
  office.Arrive("invoice.payment_failed", "in_old", 0, 101);
  EXPECT_EQ(office.Course(), "none");
  office.Arrive("invoice.payment_failed", "in_old", 1, 101);
  EXPECT_EQ(office.Course(), "suspend_access completed -> waiting")
      << "exactly as old as the grace period is not older";
  office.Arrive("invoice.paid", "in_paid", 105, 105);
  office.Arrive("invoice.payment_failed", "in_paid", 104, 106);
  EXPECT_EQ(office.Course(1), "none");
  office.Arrive({.id = "evt_x",
                 .type = "invoice.payment_failed",
                 .object = test::Invoice("in_x", "open"),
                 .created_s = kNoon + 106},
                106);
  EXPECT_EQ(office.Course(2), "none");
}

TEST(Dunning, GoesByTheEarliestFailureWhateverComesFirst) {
  Office office;
  office.Arrive("invoice.payment_failed", "in_1", 50, 50);
  office.Arrive("invoice.payment_failed", "in_1", 0, 51);
  office.Arrive("invoice.payment_failed", "in_1", 60, 61);
  office.Tick(99);
  EXPECT_EQ(office.Told(), "");
  office.Tick(100);
  EXPECT_EQ(office.Told(), "AccessSuspended");
}

TEST(Dunning, RestoresAccessOnlyWhenNoOtherInvoiceHoldsIt) {
  Office office;
  office.Arrive("invoice.payment_failed", "in_1", 0, 0);
  office.Arrive("invoice.payment_failed", "in_2", 0, 0);
  office.Tick(100);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessSuspended");
  office.Arrive("invoice.paid", "in_1", 101, 101);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessSuspended AccessHoldReleased");
  EXPECT_TRUE(office.Suspended());
  office.Arrive("invoice.paid", "in_2", 102, 102);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessSuspended AccessHoldReleased AccessRestored");
  EXPECT_FALSE(office.Suspended());
}

TEST(Dunning, KeepsLivemodesAndAccountsApart) {
  Office office;
  const test::StripeEvent failed = {
      .id = "evt_1", .type = "invoice.payment_failed", .object = InvoiceOf("in_1")};
  test::StripeEvent test_mode = failed;
  test_mode.livemode = false;
  test::StripeEvent connected = failed;
  connected.account = "acct_1";
  office.Arrive(failed, 0);
  office.Arrive(test_mode, 0);
  office.Arrive(connected, 0);
  office.Tick(100);
  EXPECT_EQ(office.Told(), "AccessSuspended AccessSuspended AccessSuspended");
  test::StripeEvent paid = test_mode;
  paid.type = "invoice.paid";
  office.Arrive(paid, 101);
  EXPECT_EQ(office.world.told.back(), "SagaStepCompleted");
  EXPECT_TRUE(office.Told().ends_with("AccessRestored")) << "live and connected invoices hold their own";
  EXPECT_TRUE(office.Course(0).ends_with("waiting"));
  EXPECT_TRUE(office.Course(1).ends_with("completed"));
  EXPECT_TRUE(office.Course(2).ends_with("waiting"));
}

TEST(Dunning, ReadsInvoicesOfEveryShape) {
  const auto subscription_of = [](Json invoice) {
    const std::optional<InvoiceNews> news = ReadInvoiceNews(
        test::Recorded({.id = "evt_1", .type = "invoice.payment_failed", .object = std::move(invoice)}));
    return news ? news->subscription.value_or("none") : "unusable";
  };
  EXPECT_EQ(subscription_of(InvoiceOf("in_1")), "sub_1");
  EXPECT_EQ(subscription_of(test::With(test::Invoice("in_1", "open"), {{"subscription", "sub_2"}})), "sub_2")
      << "before 2025-03-31";
  EXPECT_EQ(subscription_of(test::With(test::Invoice("in_1", "open"),
                                       {{"subscription", {{"id", "sub_3"}, {"object", "subscription"}}}})),
            "sub_3")
      << "expanded";
  EXPECT_EQ(subscription_of(test::Invoice("in_1", "open")), "none");
  EXPECT_EQ(subscription_of(test::With(InvoiceOf("in_1"), {{"amount_due", "x"}})), "unusable");
  EXPECT_EQ(subscription_of(test::With(InvoiceOf("in_1"), {{"id", ""}})), "unusable");
}

// Failures and settlements of three invoices of one subscription, in any order of arrival, with the clock
// going on in between. The model knows only which invoices may hold access and which are settled.
RC_GTEST_PROP(DunningProperty, EndsInTheSameAccessWhateverTheOrder, ()) {
  Office office;
  std::map<std::string, bool> started;  // by invoice
  std::map<std::string, bool> settled;
  std::int64_t now_s = 0;
  const int events = *rc::gen::inRange(1, 25);
  for (int i = 0; i < events; ++i) {
    now_s += *rc::gen::inRange(0, 80);
    const std::string invoice = "in_" + std::to_string(*rc::gen::inRange(0, 3));
    const std::int64_t age_s = *rc::gen::inRange(0, 140);
    if (*rc::gen::inRange(0, 3) == 0) {
      office.Arrive("invoice.paid", invoice, now_s - age_s, now_s);
      settled[invoice] = true;
    } else {
      office.Arrive("invoice.payment_failed", invoice, now_s - age_s, now_s);
      if (age_s <= kGraceS && !settled[invoice]) started[invoice] = true;
    }
    if (*rc::gen::arbitrary<bool>()) office.Tick(now_s + *rc::gen::inRange(0, 30));
  }
  office.Tick(now_s + 1'000);
  const bool held = std::any_of(started.begin(), started.end(), [&settled](const auto& invoice) {
    return invoice.second && !settled[invoice.first];
  });
  RC_ASSERT(office.Suspended() == held);
  for (auto& [invoice, is_settled] : settled) {
    if (!is_settled) office.Arrive("invoice.paid", invoice, now_s, now_s + 1'000);
  }
  for (auto& [invoice, was_started] : started) office.Arrive("invoice.paid", invoice, now_s, now_s + 1'001);
  RC_ASSERT(!office.Suspended());
}

}  // namespace
}  // namespace billhook::sagas
