#include "domain/access.h"

#include <gtest/gtest.h>

namespace billhook::access {
namespace {

Json Unpaid(const std::string& invoice, bool livemode = true) {
  return {{"invoice", invoice},
          {"subscription", "sub_1"},
          {"customer", "cus_1"},
          {"livemode", livemode},
          {"account", nullptr}};
}

Json After(const Json& state, const std::vector<DecidedEvent>& decided) {
  Json after = state;
  for (const DecidedEvent& event : decided) {
    const Result<Json, std::string> next = EvolveAccess(after, event.event_type, event.data);
    EXPECT_TRUE(next) << next.error();
    after = *next;
  }
  return after;
}

TEST(Access, IsHeldByEachInvoiceOnce) {
  const Json held = After(nullptr, DecideSuspend(nullptr, Unpaid("in_1")));
  EXPECT_EQ(held.at("status"), "suspended");
  EXPECT_TRUE(DecideSuspend(held, Unpaid("in_1")).empty());
  EXPECT_TRUE(DecideRelease(held, Unpaid("in_2")).empty());
  EXPECT_TRUE(DecideRelease(nullptr, Unpaid("in_1")).empty());
  EXPECT_EQ(DecideRelease(held, Unpaid("in_1")).front().event_type, "AccessRestored");
  EXPECT_EQ(After(held, DecideRelease(held, Unpaid("in_1"))).at("status"), "active");
}

TEST(Access, OfOneLivemodeIsNotHeldByTheOther) {
  Json held = After(nullptr, DecideSuspend(nullptr, Unpaid("in_1")));
  held = After(held, DecideSuspend(held, Unpaid("in_1", false)));
  EXPECT_EQ(DecideRelease(held, Unpaid("in_1", false)).front().event_type, "AccessRestored");
  held = After(held, DecideSuspend(held, Unpaid("in_2")));
  EXPECT_EQ(DecideRelease(held, Unpaid("in_1")).front().event_type, "AccessHoldReleased");
}

TEST(Access, TakesNoEventThatCannotBe) {
  const Json data = DecideSuspend(nullptr, Unpaid("in_1")).front().data;
  const Json held = *EvolveAccess(nullptr, "AccessSuspended", data);
  EXPECT_FALSE(EvolveAccess(held, "AccessSuspended", data));
  EXPECT_FALSE(EvolveAccess(nullptr, "AccessRestored", data));
  EXPECT_FALSE(EvolveAccess(held, "AccessLost", data));
  EXPECT_FALSE(EvolveAccess(nullptr, "AccessSuspended", {{"invoice", "in_1"}}));
  EXPECT_FALSE(EvolveAccess(nullptr, "AccessSuspended", {{"livemode", true}}));
}

}  // namespace
}  // namespace billhook::access
