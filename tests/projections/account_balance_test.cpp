#include "projections/account_balance.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "domain/aggregates.h"
#include "projections/payment_ledger/entry_versions.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "tests/support/memory_read_model.h"

namespace billhook {
namespace {

using test::MemoryReadModel;

RecordedEvent Own(const std::string& aggregate_type, std::int64_t version, const std::string& type,
                  const Json& data, Source source = Source::kCommand) {
  RecordedEvent recorded;
  recorded.version = version;
  recorded.event.id = "event_" + std::to_string(version);
  recorded.event.tenant = "default";
  recorded.event.aggregate_type = aggregate_type;
  recorded.event.aggregate_id = "a";
  recorded.event.event_type = type;
  recorded.event.source = source;
  recorded.event.payload = data.dump();
  recorded.event.caused_by = "cause_" + std::to_string(version);
  return recorded;
}

RecordedEvent Created(std::int64_t version, std::int64_t balance) {
  return Own("prepaid_account", version, "AccountCreated",
             {{"account_id", "a"}, {"owner", "Ada"}, {"initial_balance", balance}});
}

RecordedEvent Moved(std::int64_t version, const std::string& type, std::int64_t amount,
                    Source source = Source::kCommand) {
  return Own("prepaid_account", version, type, {{"amount", amount}}, source);
}

TEST(AccountBalance, ShowsTheNewestTransactionsAndTheWholeBalance) {
  const AccountBalance projection;
  MemoryReadModel read_model(projection);
  std::vector<RecordedEvent> events = {Created(1, 0)};
  for (std::int64_t version = 2; version <= 131; ++version)
    events.push_back(Moved(version, "MoneyDeposited", 1));
  read_model.Apply(events);
  const Json body = read_model.Rows(AccountBalance::kTable).at(0).at("body");
  EXPECT_EQ(body.at("balance"), 130);
  ASSERT_EQ(body.at("transactions").size(), AccountBalance::kTransactionsShown);
  EXPECT_EQ(body.at("transactions").front().at("version"), 32);
  EXPECT_EQ(body.at("transactions").back().at("balance"), 130);
}

TEST(AccountBalance, SetsAsideWhatAnAccountCannotUseAndGoesOn) {
  const AccountBalance projection;
  MemoryReadModel read_model(projection);
  read_model.Apply({Moved(1, "MoneyDeposited", 5), Created(2, 3), Moved(3, "MoneyWithdrawn", 4, Source::kApi),
                    Moved(4, "Surprise", 1), Moved(5, "MoneyDeposited", 50, Source::kStripe),
                    Moved(6, "MoneyDeposited", 4)});
  EXPECT_EQ(read_model.Rows(AccountBalance::kTable).at(0).at("body").at("balance"), 7);
  EXPECT_EQ(read_model.dead_letters().size(), 3U);
  read_model.Retry(1);
  read_model.Retry(3);
  EXPECT_EQ(read_model.Rows(AccountBalance::kTable).at(0).at("body").at("balance"), 7) << "as before";
  EXPECT_EQ(read_model.dead_letters().size(), 3U);
}

TEST(AccountBalance, TakesInABatchWhatComesLateAndWhatIsFresh) {
  const AccountBalance projection;
  MemoryReadModel read_model(projection);
  read_model.Apply({Created(1, 100)});
  read_model.Apply({Moved(3, "MoneyDeposited", 7)});
  read_model.Apply({Moved(4, "MoneyDeposited", 1), Moved(2, "MoneyDeposited", 50), Moved(5, "Surprise", 1),
                    Moved(6, "MoneyWithdrawn", 1'000), Moved(7, "MoneyWithdrawn", 150)});
  const Json row = read_model.Rows(AccountBalance::kTable).at(0);
  EXPECT_EQ(row.at("version"), 7);
  EXPECT_EQ(row.at("body").at("balance"), 8);
  std::vector<std::int64_t> versions;
  for (const Json& transaction : row.at("body").at("transactions"))
    versions.push_back(transaction.at("version"));
  EXPECT_EQ(versions, (std::vector<std::int64_t>{1, 2, 3, 4, 7}));
  EXPECT_EQ(read_model.dead_letters().size(), 2U);
  EXPECT_EQ(read_model.dead_letters().count("cause_5"), 1U);
  EXPECT_EQ(read_model.dead_letters().count("cause_6"), 1U);
}

TEST(AccountBalance, StaysAsItIsWhenWhatComesLateCannotBeUsed) {
  const AccountBalance projection;
  MemoryReadModel read_model(projection);
  read_model.Apply({Created(1, 100)});
  read_model.Skip(Moved(2, "MoneyDeposited", 50));
  read_model.Apply({Moved(3, "Surprise", 1), Moved(4, "MoneyDeposited", 7)});
  EXPECT_FALSE(read_model.Retry(3));
  EXPECT_EQ(read_model.Rows(AccountBalance::kTable).at(0).at("body").at("balance"), 107);
  EXPECT_TRUE(read_model.Retry(2));
  EXPECT_EQ(read_model.Rows(AccountBalance::kTable).at(0).at("body").at("balance"), 157);
}

// Whatever failed for a while and in whatever order it is tried again; what could not be used for want of it
// is tried then.
RC_GTEST_PROP(AccountBalanceProperty, IsTheSameWhicheverEventsComeLate, ()) {
  const auto amounts =
      *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(-20, 25));
  const AccountBalance projection;
  MemoryReadModel smooth(projection);
  MemoryReadModel late(projection);
  std::vector<std::int64_t> skipped;
  std::int64_t version = 0;
  for (std::int64_t amount : amounts) {
    ++version;
    const RecordedEvent event = amount == 0 || version == 1 ? Created(version, 10)
                                : amount == 24              ? Moved(version, "Surprise", 1)
                                : amount == 23 ? Moved(version, "MoneyDeposited", 9, Source::kStripe)
                                : amount < 0   ? Moved(version, "MoneyWithdrawn", -amount)
                                               : Moved(version, "MoneyDeposited", amount);
    smooth.Apply({event});
    if (*rc::gen::inRange(0, 3) == 0) {
      late.Skip(event);
      skipped.push_back(version);
    } else {
      late.Apply({event});
    }
  }
  while (!skipped.empty()) {
    const auto next =
        skipped.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(skipped.size()));
    late.Retry(*next);
    skipped.erase(next);
  }
  for (std::int64_t position = 1; position <= version; ++position) {
    if (late.dead_letters().count("cause_" + std::to_string(position)) == 1) late.Retry(position);
  }
  RC_ASSERT((late.Rows(AccountBalance::kTable) == smooth.Rows(AccountBalance::kTable)));
}

// The read model and the aggregate are two folds of the same events.
RC_GTEST_PROP(AccountBalanceProperty, IsTheAggregatesBalanceForAnyEventsInAnyBatches, ()) {
  const auto amounts =
      *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(-20, 25));
  const AccountBalance projection;
  MemoryReadModel read_model(projection);
  Json state;
  std::vector<RecordedEvent> batch;
  std::int64_t version = 0;
  for (std::int64_t amount : amounts) {
    ++version;
    batch.push_back(amount == 0  ? Created(version, 10)
                    : amount < 0 ? Moved(version, "MoneyWithdrawn", -amount)
                                 : Moved(version, "MoneyDeposited", amount));
    state = *EvolveState("prepaid_account", state, batch.back().event);
    if (*rc::gen::arbitrary<bool>()) read_model.Apply(std::exchange(batch, {}));
  }
  read_model.Apply(batch);
  const std::vector<Json> rows = read_model.Rows(AccountBalance::kTable);
  RC_ASSERT(rows.empty() == state.is_null());
  if (!rows.empty()) RC_ASSERT(rows.front().at("body").at("balance") == state.at("balance"));
}

TEST(ManualEntries, AreBookedOnceForAnIdWhateverTheBatches) {
  const PaymentLedger projection;
  const auto payment = [](std::int64_t version, std::int64_t amount, bool livemode) {
    return Own("ledger", version, "ManualPaymentRecorded",
               {{"payment_id", "a"}, {"amount", amount}, {"currency", "usd"}, {"livemode", livemode}});
  };
  const std::vector<RecordedEvent> events = {payment(1, -1, true), payment(2, 5, true), payment(3, 7, true),
                                             payment(4, 9, false)};
  MemoryReadModel together(projection);
  together.Apply(events);
  MemoryReadModel alone(projection);
  for (const RecordedEvent& event : events) alone.Apply({event});
  EXPECT_EQ(together.Fingerprint(), alone.Fingerprint());
  for (std::int64_t position : {1, 3, 4}) alone.Retry(position);
  const std::vector<Json> entries = alone.Rows(ledger::kEntriesTable);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].at("id"), "manual_payment:a");
  EXPECT_EQ(entries[0].at("amount"), 5);
  EXPECT_EQ(alone.dead_letters().size(), 3U);
  EXPECT_EQ(alone.Rows(ledger::kOccurredTable).size(), 1U);
  EXPECT_EQ(alone.Rows(ledger::kRecordedTable).size(), 1U);
}

}  // namespace
}  // namespace billhook
