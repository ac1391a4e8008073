#include "domain/upcast.h"

#include <tuple>

#include <gtest/gtest.h>

#include "domain/aggregates.h"

namespace billhook {
namespace {

const Json kEuroAccount = {
    {"account_id", "a"}, {"owner", "Ada"}, {"currency", "eur"}, {"balance", 100}, {"status", "open"}};

Event AccountEvent(const std::string& event_type, int schema_version, const Json& data) {
  Event event;
  event.aggregate_type = "prepaid_account";
  event.aggregate_id = "a";
  event.event_type = event_type;
  event.source = Source::kCommand;
  event.schema_version = schema_version;
  event.payload = data.dump();
  return event;
}

TEST(EventUpcasters, LeadFromTheFirstVersionOnWithoutAGap) {
  const EventUpcaster* before = nullptr;
  for (const EventUpcaster& upcaster : EventUpcasters()) {
    const auto type = [](const EventUpcaster& of) { return std::tie(of.aggregate_type, of.event_type); };
    const bool goes_on = before != nullptr && type(*before) == type(upcaster);
    EXPECT_EQ(upcaster.from, goes_on ? before->from + 1 : 1) << upcaster.event_type;
    EXPECT_TRUE(before == nullptr || type(*before) <= type(upcaster)) << upcaster.event_type;
    EXPECT_TRUE(HasRules(upcaster.aggregate_type)) << upcaster.aggregate_type;
    before = &upcaster;
  }
}

TEST(EventUpcasters, SayInWhichVersionATypeIsWrittenNow) {
  EXPECT_EQ(SchemaVersionOf("prepaid_account", "MoneyDeposited"), 2);
  EXPECT_EQ(SchemaVersionOf("ledger", "LedgerAdjusted"), 1);
  EXPECT_EQ(SchemaVersionOf("order", "MoneyDeposited"), 1) << "another aggregate's event of that name";
}

TEST(EventUpcasters, MakeAnOldMovementAWholeMoneyFact) {
  const Event old = AccountEvent("MoneyDeposited", 1, {{"amount", 5}});
  EXPECT_EQ(ReadData(old, kEuroAccount).value(), Json({{"amount", 5}, {"currency", "eur"}}));
  EXPECT_EQ(EvolveStrictly(kEuroAccount, old).value().at("balance"), 105);
  const Event closed = AccountEvent("AccountClosed", 1, {{"account_id", "a"}, {"balance", 100}});
  EXPECT_EQ(ReadData(closed, kEuroAccount).value().at("currency"), "eur");
  const Event opened = AccountEvent("AccountCreated", 1, {{"account_id", "a"}, {"owner", "Ada"}});
  EXPECT_EQ(EvolveStrictly(Json(), opened).value().at("currency"), "usd");
}

TEST(EventUpcasters, LeaveAloneWhatAnEventSaysByItself) {
  for (const int version : {1, 2}) {
    const Event dollars = AccountEvent("MoneyDeposited", version, {{"amount", 5}, {"currency", "usd"}});
    EXPECT_EQ(ReadData(dollars, kEuroAccount).value().at("currency"), "usd");
    EXPECT_FALSE(EvolveStrictly(kEuroAccount, dollars)) << "dollars are no euros";
  }
}

TEST(EventUpcasters, FillNothingIntoAnEventOfTheNewestVersion) {
  const Event bare = AccountEvent("MoneyDeposited", 2, {{"amount", 5}});
  EXPECT_EQ(ReadData(bare, kEuroAccount).value(), Json({{"amount", 5}}));
  EXPECT_FALSE(EvolveStrictly(kEuroAccount, bare));
}

TEST(EventUpcasters, RefuseWhatALaterBillhookHasWritten) {
  const Event later = AccountEvent("MoneyDeposited", 3, {{"amount", 5}, {"currency", "eur"}});
  EXPECT_TRUE(IsOfALaterBillhook(later));
  EXPECT_FALSE(ReadData(later, kEuroAccount));
}

TEST(EventUpcasters, LeaveWhatHasTheWrongTypeForTheReaderToRefuse) {
  for (const char* payload : {"[]", "7", "{", R"({"amount":5,"currency":7})", R"({"currency":null})"}) {
    Event event = AccountEvent("MoneyDeposited", 1, Json::object());
    event.payload = payload;
    EXPECT_FALSE(EvolveStrictly(kEuroAccount, event)) << payload;
    EXPECT_FALSE(EvolveStrictly(Json(), event)) << payload;
  }
}

}  // namespace
}  // namespace billhook
