// Every read model against every shape of event that the fixtures hold.
#include "tests/support/fixtures.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "projections/registry.h"
#include "tests/support/memory_read_model.h"

namespace billhook {
namespace {

using test::AllFixtures;
using test::Fixture;
using test::MemoryReadModel;

std::vector<RecordedEvent> Events(bool thin) {
  std::vector<RecordedEvent> events;
  for (const Fixture& fixture : AllFixtures()) {
    if ((fixture.fact == "thin") == thin)
      events.push_back(test::Recorded(fixture, static_cast<std::int64_t>(events.size()) + 1));
  }
  return events;
}

TEST(ReadModels, CanUseEveryShapeOfEveryEvent) {
  ASSERT_FALSE(Events(false).empty());
  for (const Projection* projection : AllProjections()) {
    MemoryReadModel read_model(*projection);
    read_model.Apply(Events(false));
    for (const auto& [event, reason] : read_model.dead_letters())
      ADD_FAILURE() << projection->name() << " cannot use " << event << ": " << reason;
  }
}

TEST(ReadModels, FindAFixtureForEachFamilyOfEventsThatTheyRead) {
  for (const Projection* projection : AllProjections()) {
    for (std::string_view family : projection->payloads()) {
      if (family.find('.') == std::string_view::npos) continue;  // our own: Stripe's types have a dot
      const bool found = std::any_of(AllFixtures().begin(), AllFixtures().end(), [&](const Fixture& fixture) {
        return fixture.event.at("type").get_ref<const std::string&>().starts_with(family);
      });
      EXPECT_TRUE(found) << projection->name() << " reads " << family << "*, of which there is no fixture";
    }
  }
}

// Types whose name alone says something that no member of the object does, or on which something starts.
TEST(ReadModels, FindAFixtureForEachTypeThatMeansSomethingByItself) {
  for (const char* type :
       {"customer.deleted", "customer.subscription.created", "customer.subscription.deleted",
        "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "invoice.payment_failed",
        "invoice.paid", "invoice.upcoming", "invoice_payment.paid", "checkout.session.completed",
        "credit_note.created"}) {
    const bool found = std::any_of(AllFixtures().begin(), AllFixtures().end(),
                                   [&](const Fixture& fixture) { return fixture.event.at("type") == type; });
    EXPECT_TRUE(found) << type;
  }
}

// A thin event says that something happened, not what: with the snapshot event it is the twin of, each thing
// would count twice.
TEST(ReadModels, AreLeftAsTheyAreByThinEvents) {
  const std::vector<RecordedEvent> thin = Events(true);
  ASSERT_GE(thin.size(), 4u);
  for (const Projection* projection : AllProjections()) {
    MemoryReadModel without(*projection);
    without.Apply(Events(false));
    MemoryReadModel with(*projection);
    with.Apply(Events(false));
    with.Apply(thin);
    EXPECT_TRUE(with.dead_letters().empty()) << projection->name();
    if (projection->payloads().empty()) continue;  // it counts events, whatever is in them
    EXPECT_EQ(with.Fingerprint(), without.Fingerprint()) << projection->name();
  }
}

TEST(ThinEvents, AreRecordedUnderTheObjectThatTheyAreAbout) {
  for (const RecordedEvent& recorded : Events(true)) {
    const Json about = ParseJson(recorded.event.payload)->at("related_object");
    EXPECT_EQ(recorded.event.aggregate_type, about.at("type")) << recorded.event.event_type;
    EXPECT_EQ(recorded.event.aggregate_id, about.at("id")) << recorded.event.event_type;
    EXPECT_EQ(recorded.event.occurred_at, 1'767'268'800'123'000) << recorded.event.event_type;
  }
}

}  // namespace
}  // namespace billhook
