#include "projections/customers.h"

#include <gtest/gtest.h>

#include "tests/support/convergence.h"

namespace billhook {
namespace {

using test::Customer;
using test::kNoon;
using test::MemoryReadModel;
using test::StripeEvent;
using test::With;

const Customers kCustomers;

MemoryReadModel After(const std::vector<StripeEvent>& events) {
  return test::ProjectInEveryOrder(kCustomers, events);
}

// The one row that the events make.
Json RowAfter(const std::vector<StripeEvent>& events) {
  const std::vector<Json> rows = After(events).Rows(Customers::kTable);
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Json() : rows.front();
}

StripeEvent At(int second, const std::string& id, const std::string& type, const Json& object,
               const Json& previous = nullptr) {
  return {.id = id,
          .type = "customer." + type,
          .object = object,
          .created_s = kNoon + second,
          .previous_attributes = previous};
}

TEST(Customers, ShowEverythingThatCallersMayAskFor) {
  const Json address = {{"city", "Ulm"}, {"country", "DE"}, {"line1", nullptr}};
  const Json row = RowAfter({At(5, "evt_1", "created",
                                With(Customer("cus_1"), {{"phone", "+49"},
                                                         {"address", address},
                                                         {"description", "a friend"},
                                                         {"delinquent", true},
                                                         {"metadata", {{"b", "2"}, {"a", "1"}}}}))});
  EXPECT_EQ(row["body"], (Json{{"id", "cus_1"},
                               {"livemode", true},
                               {"account", nullptr},
                               {"name", "Jo"},
                               {"email", "jo@example.com"},
                               {"phone", "+49"},
                               {"address", address},
                               {"description", "a friend"},
                               {"currency", "usd"},
                               {"delinquent", true},
                               {"created_at", "2026-01-01T12:00:00Z"},
                               {"metadata", {{"a", "1"}, {"b", "2"}}},
                               {"deleted", false},
                               {"updated_by", "evt_1"},
                               {"updated_at", "2026-01-01T12:00:05Z"}}));
  EXPECT_EQ(row["id"], "cus_1");
  EXPECT_EQ(row["tenant"], "default");
  EXPECT_EQ(row["deleted"], 0);
}

TEST(Customers, AreFoundByADigestOfTheirAddressWhateverItsLength) {
  const std::string endless(500'000, 'x');
  EXPECT_EQ(RowAfter({At(0, "evt_1", "created", Customer("cus_1"))})["email_key"],
            Customers::EmailKey("jo@example.com"));
  const Json row = RowAfter({At(0, "evt_1", "created", Customer("cus_1", endless))});
  EXPECT_EQ(row["email_key"], Customers::EmailKey(endless));
  EXPECT_EQ(row["email_key"].get<std::string>().size(), 32u);
  EXPECT_NE(Customers::EmailKey("jo@example.com"), Customers::EmailKey("Jo@example.com"));
  EXPECT_FALSE(RowAfter({At(0, "evt_1", "created", With(Customer("cus_1"), {{"email", nullptr}}))})
                   .contains("email_key"));
}

TEST(Customers, AreInTheirNewestState) {
  const Json row =
      RowAfter({At(0, "evt_9", "created", Customer("cus_1", "a@example.com")),
                At(0, "evt_3", "updated", Customer("cus_1", "b@example.com")),
                At(2, "evt_2", "updated", Customer("cus_1", "d@example.com"), {{"email", "c"}}),
                At(2, "evt_5", "updated", Customer("cus_1", "c"), {{"email", "b@example.com"}})});
  EXPECT_EQ(row["body"]["email"], "d@example.com");
  EXPECT_EQ(row["body"]["updated_by"], "evt_2");
}

TEST(Customers, StayDeletedWhateverComesLater) {
  const StripeEvent deleted =
      At(1, "evt_5", "deleted", {{"object", "customer"}, {"id", "cus_1"}, {"deleted", true}});
  const Json gone = RowAfter({At(0, "evt_1", "created", Customer("cus_1")), deleted});
  EXPECT_EQ(gone["deleted"], 1);
  EXPECT_EQ(gone["body"]["deleted"], true);
  EXPECT_EQ(gone["body"]["email"], nullptr) << "the newest state says no more than the ID";
  const Json told_later = RowAfter(
      {deleted, At(2, "evt_9", "updated", Customer("cus_1")), At(0, "evt_1", "created", Customer("cus_1"))});
  EXPECT_EQ(told_later["body"]["deleted"], true);
  EXPECT_EQ(told_later["body"]["email"], "jo@example.com") << "all else is the newest fact";
  EXPECT_EQ(told_later["body"]["updated_by"], "evt_9");
}

TEST(Customers, AreDeletedAlsoWhereOnlyTheObjectSaysSo) {
  const Json row = RowAfter({At(0, "evt_1", "updated", With(Customer("cus_1"), {{"deleted", true}})),
                             At(1, "evt_2", "updated", Customer("cus_1"))});
  EXPECT_EQ(row["body"]["deleted"], true);
  EXPECT_EQ(row["body"]["updated_by"], "evt_2");
}

TEST(Customers, AreNotToldOfByEventsAboutOtherObjects) {
  std::vector<StripeEvent> events;
  for (const char* type :
       {"source.created", "subscription.updated", "discount.created", "tax_id.created", "updated.more"})
    events.push_back(At(0, "evt_" + std::to_string(events.size()), type, Customer("cus_1")));
  events.push_back({.id = "evt_x", .type = "v1.customer.created", .object = Customer("cus_1")});
  EXPECT_EQ(After(events).Fingerprint(), "");
}

TEST(Customers, OfOneIdInTwoAccountsOrLivemodesAreTwo) {
  StripeEvent connected = At(0, "evt_2", "created", Customer("cus_1", "b@example.com"));
  connected.account = "acct_1";
  StripeEvent test_mode = At(0, "evt_3", "deleted", Customer("cus_1", "c@example.com"));
  test_mode.livemode = false;
  std::map<std::string, Json> bodies;
  for (const Json& row :
       After({At(0, "evt_1", "created", Customer("cus_1")), connected, test_mode}).Rows(Customers::kTable)) {
    bodies[row["body"]["updated_by"]] = row["body"];
  }
  ASSERT_EQ(bodies.size(), 3u);
  EXPECT_EQ(bodies["evt_1"]["account"], nullptr);
  EXPECT_EQ(bodies["evt_2"]["account"], "acct_1");
  EXPECT_EQ(bodies["evt_2"]["deleted"], false);
  EXPECT_EQ(bodies["evt_3"]["livemode"], false);
  EXPECT_EQ(bodies["evt_3"]["deleted"], true);
}

TEST(Customers, TakeAnUnusableEventForAbsentAndSetItAside) {
  const MemoryReadModel read_model =
      After({At(0, "evt_1", "created", Customer("cus_1")),
             At(1, "evt_2", "deleted", With(Customer("cus_1"), {{"id", 7}})),
             At(2, "evt_3", "deleted", {{"object", "subscription"}, {"id", "cus_1"}}),
             At(3, "evt_4", "deleted", nullptr)});
  EXPECT_EQ(read_model.Rows(Customers::kTable).at(0)["body"]["deleted"], false);
  EXPECT_EQ(read_model.dead_letters().size(), 3u);
  EXPECT_EQ(read_model.dead_letters().at("evt_3"), "event.data.object must be a customer");
}

TEST(Customers, BelieveStripeAlone) {
  RecordedEvent posted = Recorded(At(0, "evt_1", "created", Customer("cus_1")));
  posted.event.source = Source::kApi;
  EXPECT_EQ(test::Project(kCustomers, {posted}, 1).Fingerprint(), "");
}

}  // namespace
}  // namespace billhook
