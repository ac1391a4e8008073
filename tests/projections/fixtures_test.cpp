// Every read model against every shape of event that the fixtures hold.
#include "tests/support/fixtures.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "projections/customer_timeline.h"
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

// The rows of one fact in all its shapes differ in the event alone, but for what a shape cannot tell:
// sessions had no status or amount at first, subscriptions no currency, and an upcoming invoice no status.
TEST(TimelineRows, AreTheSameInEveryShapeOfAFact) {
  std::map<std::string, Json> newest;  // by fact; the newest shape comes last
  std::map<std::string, std::size_t> shapes;
  std::vector<std::pair<std::string, Json>> rows;
  for (const Fixture& fixture : AllFixtures()) {
    const CustomerTimeline timeline;
    MemoryReadModel read_model(timeline);
    read_model.Apply({test::Recorded(fixture)});
    for (const Json& row : read_model.Rows(CustomerTimeline::kTable)) {
      Json told = {{"customer", row.value("customer", "")}, {"body", row["body"]}};
      for (const char* own : {"event_id", "event_type"}) told["body"].erase(own);
      for (const char* key : {"amount", "currency", "status"}) {
        const bool untold = fixture.fact == "checkout_session" || fixture.fact == "invoice_upcoming" ||
                            fixture.fact.starts_with("subscription_");
        if (untold && told["body"][key].is_null()) told["body"].erase(key);
      }
      newest[fixture.fact] = told;
      ++shapes[fixture.fact];
      rows.emplace_back(fixture.fact, told);
    }
  }
  for (const auto& [fact, row] : rows) {
    Json expected = newest.at(fact);
    for (const char* key : {"amount", "currency", "status"}) {
      if (!row["body"].contains(key)) expected["body"].erase(key);
    }
    EXPECT_EQ(row, expected) << fact;
  }
  EXPECT_GE(shapes["invoice_paid"], 7u);
  EXPECT_GE(shapes["refund"], 5u);
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
