// What read models make of events in brief is what they make of them whole: every shape in the fixtures, a
// simulated history in any order, and events that something is wrong with.
#include <gtest/gtest.h>

#include "domain/stripe/brief_body.h"
#include "domain/stripe/envelope.h"
#include "projections/registry.h"
#include "service/simulate/history.h"
#include "tests/support/convergence.h"
#include "tests/support/fixtures.h"

namespace billhook {
namespace {

using test::MemoryReadModel;

// Reads every event whole.
class WholeReadModel : public MemoryReadModel {
 public:
  using MemoryReadModel::MemoryReadModel;
  std::shared_ptr<const stripe::EventBody> BriefOf(const RecordedEvent&) override { return nullptr; }
};

void ExpectTheSame(std::vector<RecordedEvent> events, std::size_t batch_size) {
  for (const Projection* projection : AllProjections()) {
    MemoryReadModel brief(*projection);
    WholeReadModel whole(*projection);
    for (std::size_t from = 0; from < events.size(); from += batch_size) {
      const std::size_t to = std::min(events.size(), from + batch_size);
      const std::vector<RecordedEvent> batch(events.begin() + static_cast<std::ptrdiff_t>(from),
                                             events.begin() + static_cast<std::ptrdiff_t>(to));
      brief.Apply(batch);
      whole.Apply(batch);
    }
    EXPECT_EQ(brief.Fingerprint(), whole.Fingerprint()) << projection->name();
    for (const Table* table : projection->tables())
      EXPECT_EQ(brief.Rows(*table), whole.Rows(*table)) << table->name;
  }
}

TEST(EventsInBrief, AreReadAsTheWholeInEveryShape) {
  std::vector<RecordedEvent> events;
  for (const test::Fixture& fixture : test::AllFixtures())
    events.push_back(test::Recorded(fixture, static_cast<std::int64_t>(events.size()) + 1));
  std::size_t brief = 0;
  for (const RecordedEvent& event : events) brief += stripe::ReadBriefBody(event).has_value();
  EXPECT_GT(brief, events.size() / 2);
  ExpectTheSame(events, 7);
}

TEST(EventsInBrief, AreReadAsTheWholeInAnyOrder) {
  std::vector<RecordedEvent> events;
  for (const std::string& body : simulate::GenerateHistory({.seed = 23, .events = 1'000, .pretty = false})) {
    const Result<stripe::Envelope, std::string> envelope = stripe::ReadEnvelope(body);
    ASSERT_TRUE(envelope.has_value());
    events.push_back(test::Recorded({.id = envelope->id, .type = envelope->type, .payload = body}));
    events.back().event.occurred_at = envelope->occurred_at;
    const bool thin = envelope->type.starts_with("v1.");  // such an event holds no object
    EXPECT_NE(stripe::ReadBriefBody(events.back()).has_value(), thin) << envelope->type;
  }
  ExpectTheSame(events, 50);
  std::mt19937_64 random(23);
  std::shuffle(events.begin(), events.end(), random);
  ExpectTheSame(std::move(events), 37);
}

TEST(EventsInBrief, AreNotTakenWhereAnythingIsWrongWithThem) {
  // Each has a fault in a part that no decoder reads, or that only some read models mind.
  const char* faults[] = {R"("lines":{"x":1,"x":2})", R"("footer":"\u0000")", R"("footer":"\ud800")",
                          R"("lines":[1e999])",       R"("status":7)",        R"("object":7)"};
  std::vector<test::StripeEvent> told;
  for (const char* fault : faults) {
    const std::string id = "evt_" + std::to_string(told.size());
    told.push_back(
        {.id = id,
         .type = "invoice.updated",
         .payload = R"({"id":")" + id +
                    R"(","object":"event","type":"invoice.updated","created":1767268800,"livemode":true,)"
                    R"("data":{"object":{"object":"invoice","id":"in_1","customer":"cus_1","currency":"usd",)"
                    R"("amount_due":5,"amount_paid":0,"total":5,)" +
                    fault + "}}}"});
  }
  told.push_back(
      {.id = "evt_previous",
       .type = "invoice.updated",
       .payload = R"({"id":"evt_previous","object":"event","type":"invoice.updated","created":1767268800,)"
                  R"("data":{"previous_attributes":[],"object":{"object":"invoice","id":"in_2",)"
                  R"("customer":"cus_1","currency":"usd","amount_due":5,"amount_paid":0}}})"});
  told.push_back({.id = "evt_other", .type = "invoice.updated", .object = test::Charge("ch_1", 5)});
  ExpectTheSame(test::Recorded(told), 3);
}

// The rule of the newest compares members that no decoder reads.
TEST(EventsInBrief, AreReadWholeWhereTheirOrderHangsOnAMemberThatABriefHasNot) {
  const auto invoice = [](const std::string& footer) {
    return test::With(test::Invoice("in_1", "open"), {{"footer", footer}, {"number", "after " + footer}});
  };
  ASSERT_FALSE(stripe::TellsAll(invoice("one"), "footer"));
  const std::vector<test::StripeEvent> events = {
      {.id = "evt_c", .type = "invoice.updated", .object = invoice("one")},
      {.id = "evt_b",
       .type = "invoice.updated",
       .object = invoice("two"),
       .previous_attributes = {{"footer", "one"}}},
      {.id = "evt_a",
       .type = "invoice.updated",
       .object = invoice("three"),
       .previous_attributes = {{"footer", "two"}}}};
  for (const Projection* projection : AllProjections()) test::ProjectInEveryOrder(*projection, events);
  ExpectTheSame(test::Recorded(events), 1);
  for (const Projection* projection : AllProjections()) {
    if (projection->name() != "invoices") continue;
    const MemoryReadModel read_model = test::Project(*projection, test::Recorded(events), 2);
    EXPECT_EQ(read_model.Rows(*projection->tables().front()).at(0)["body"]["number"], "after three");
  }
}

// Nor is an object told whole of which decoders read a part: here what changed is the price's nickname.
TEST(EventsInBrief, AreReadWholeWhereTheirOrderHangsOnAPartThatABriefHasNot) {
  const auto subscription = [](const std::string& nickname, std::int64_t quantity) {
    const Json price = {{"id", "price_1"},
                        {"nickname", nickname},
                        {"currency", "usd"},
                        {"unit_amount", 500},
                        {"recurring", {{"interval", "month"}, {"interval_count", 1}}}};
    const Json item = {{"id", "si_1"}, {"quantity", quantity}, {"price", price}};
    return Json{{"object", "subscription"},
                {"id", "sub_1"},
                {"customer", "cus_1"},
                {"status", "active"},
                {"items", {{"object", "list"}, {"data", {item}}}}};
  };
  const auto previously = [&](const std::string& nickname, std::int64_t quantity) {
    return Json{{"items", subscription(nickname, quantity)["items"]}};
  };
  EXPECT_FALSE(stripe::TellsAll(subscription("one", 1), "items"));
  EXPECT_TRUE(stripe::TellsAll(subscription("one", 1), "customer"));
  EXPECT_TRUE(stripe::TellsAll(subscription("one", 1), "latest_invoice"));
  // The IDs are in the wrong order, so only what was before can tell which is the newest.
  const std::vector<test::StripeEvent> events = {
      {.id = "evt_c", .type = "customer.subscription.updated", .object = subscription("one", 1)},
      {.id = "evt_b",
       .type = "customer.subscription.updated",
       .object = subscription("two", 1),
       .previous_attributes = previously("one", 1)},
      {.id = "evt_a",
       .type = "customer.subscription.updated",
       .object = subscription("two", 3),
       .previous_attributes = previously("two", 1)}};
  for (const Projection* projection : AllProjections()) test::ProjectInEveryOrder(*projection, events);
  ExpectTheSame(test::Recorded(events), 1);
  for (const Projection* projection : AllProjections()) {
    if (projection->name() != "subscriptions") continue;
    const MemoryReadModel read_model = test::Project(*projection, test::Recorded(events), 2);
    EXPECT_EQ(read_model.Rows(*projection->tables().front()).at(0)["body"]["items"][0]["quantity"], 3);
  }
}

// Whatever Stripe is asked to expand stands as an object where else an ID does.
Json Expanded(Json object) {
  const Json transaction = {{"id", "txn_1"},
                            {"object", "balance_transaction"},
                            {"amount", 700},
                            {"fee", 30},
                            {"currency", "usd"},
                            {"created", 1767268800},
                            {"source", "ch_1"},
                            {"fee_details", {{{"amount", 30}, {"currency", "eur"}}}},
                            {"metadata", {{"id", "none"}, {"amount", "none"}}}};
  for (auto& [key, member] : object.items()) {
    if (key == "id" || !member.is_string() || member.get<std::string>().find('_') == std::string::npos)
      continue;
    if (key == "balance_transaction" || key == "failure_balance_transaction") {
      member = transaction;
    } else if (key == "customer" || key == "charge" || key == "invoice" || key == "subscription" ||
               key == "payment_intent" || key.starts_with("latest_")) {
      member = {{"id", member},
                {"object", key},
                {"amount", 7},
                {"currency", "chf"},
                {"customer", "cus_9"},
                {"balance_transaction", transaction},
                {"items", {{"data", {{{"id", "si_9"}}}}}},
                {"metadata", {{"id", 9}}}};
    }
  }
  return object;
}

TEST(EventsInBrief, AreReadAsTheWholeWhereStripeWasAskedToExpand) {
  std::vector<RecordedEvent> events;
  std::size_t expanded = 0;
  for (const test::Fixture& fixture : test::AllFixtures()) {
    if (fixture.object().empty()) continue;
    test::Fixture changed = fixture;
    changed.event["data"]["object"] = Expanded(fixture.object());
    changed.body = changed.event.dump();
    expanded += changed.event != fixture.event ? 1 : 0;
    events.push_back(test::Recorded(changed, static_cast<std::int64_t>(events.size()) + 1));
    EXPECT_TRUE(stripe::ReadBriefBody(events.back()).has_value()) << fixture.name();
  }
  EXPECT_GT(expanded, events.size() / 2);
  ExpectTheSame(events, 11);
}

}  // namespace
}  // namespace billhook
