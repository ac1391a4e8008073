#include "domain/aggregates.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "domain/ledger.h"
#include "domain/prepaid_account.h"

namespace billhook {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

Event EventOf(std::string_view aggregate_type, const DecidedEvent& decided,
              Source source = Source::kCommand) {
  Event event;
  event.aggregate_type = aggregate_type;
  event.aggregate_id = "acc_1";
  event.event_type = decided.event_type;
  event.source = source;
  event.payload = decided.data.dump();
  return event;
}

// The state after the decision's events; a refusal leaves it as it was.
Json After(std::string_view aggregate_type, Json state, const Decision& decision) {
  if (!decision) return state;
  for (const DecidedEvent& decided : *decision) {
    Result<Json, std::string> after = EvolveStrictly(state, EventOf(aggregate_type, decided));
    EXPECT_TRUE(after) << "a decided event must be usable: " << after.error();
    state = *std::move(after);
  }
  return state;
}

Json Account(std::int64_t balance) {
  return After("prepaid_account", nullptr,
               prepaid_account::DecideCreate(
                   nullptr, {{"account_id", "acc_1"}, {"owner", "Ada"}, {"initial_balance", balance}}));
}

Json Amount(std::int64_t amount) {
  return {{"account_id", "acc_1"}, {"amount", amount}};
}

TEST(PrepaidAccount, IsCreatedInUsDollarsUnlessTold) {
  EXPECT_EQ(Account(0), Json({{"account_id", "acc_1"},
                              {"owner", "Ada"},
                              {"balance", 0},
                              {"currency", "usd"},
                              {"status", "open"}}));
  const Decision decision = prepaid_account::DecideCreate(
      nullptr, {{"account_id", "acc_1"}, {"owner", "Ada"}, {"currency", "EUR"}});
  EXPECT_EQ(After("prepaid_account", nullptr, decision).at("currency"), "eur");
}

TEST(PrepaidAccount, IsCreatedOnce) {
  const Decision decision =
      prepaid_account::DecideCreate(Account(1), {{"account_id", "acc_1"}, {"owner", "Ada"}});
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().code, "already_exists");
}

TEST(PrepaidAccount, GivesItsLastCoinAndNotOneMore) {
  EXPECT_EQ(After("prepaid_account", Account(5), prepaid_account::DecideWithdraw(Account(5), Amount(5)))
                .at("balance"),
            0);
  const Decision decision = prepaid_account::DecideWithdraw(Account(5), Amount(6));
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().code, "insufficient_funds");
}

TEST(PrepaidAccount, HoldsTheLargestBalanceAndRefusesMore) {
  const Json full = After("prepaid_account", Account(kMost - 1),
                          prepaid_account::DecideDeposit(Account(kMost - 1), Amount(1)));
  EXPECT_EQ(full.at("balance"), kMost);
  const Decision decision = prepaid_account::DecideDeposit(full, Amount(1));
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().code, "balance_too_large");
}

TEST(PrepaidAccount, MovesOnlyPositiveAmounts) {
  for (std::int64_t amount : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
    EXPECT_FALSE(prepaid_account::DecideDeposit(Account(5), Amount(amount)));
    EXPECT_FALSE(prepaid_account::DecideWithdraw(Account(5), Amount(amount)));
  }
}

TEST(PrepaidAccount, OnceClosedRefusesAllCommands) {
  const Json closed = After("prepaid_account", Account(5), prepaid_account::DecideClose(Account(5), {}));
  EXPECT_EQ(closed.at("status"), "closed");
  for (const Decision& decision :
       {prepaid_account::DecideDeposit(closed, Amount(1)), prepaid_account::DecideWithdraw(closed, Amount(1)),
        prepaid_account::DecideClose(closed, {})}) {
    ASSERT_FALSE(decision);
    EXPECT_EQ(decision.error().code, "account_closed");
  }
}

TEST(PrepaidAccount, IsNotFoundBeforeItIsCreated) {
  const Decision decision = prepaid_account::DecideDeposit(nullptr, Amount(1));
  ASSERT_FALSE(decision);
  EXPECT_EQ(decision.error().kind, CommandRefusal::Kind::kNotFound);
}

TEST(Aggregates, TakeNothingFromAStripeEventWhateverItIsNamed) {
  const Event forged =
      EventOf("prepaid_account", {"MoneyDeposited", Amount(1'000), std::nullopt}, Source::kStripe);
  EXPECT_EQ(EvolveState("prepaid_account", Account(5), forged), Account(5));
}

TEST(Aggregates, HaveNoRulesForStripesTypes) {
  EXPECT_FALSE(HasRules("subscription"));
  EXPECT_FALSE(EvolveState("subscription", nullptr, Event{}).has_value());
}

TEST(Ledger, BooksEachIdOnceAKind) {
  const Json payment = {{"payment_id", "p_1"}, {"amount", 500}, {"currency", "USD"}};
  const Json adjustment = {{"adjustment_id", "p_1"}, {"amount", -5}, {"currency", "usd"}, {"reason", "typo"}};
  Json state = After("ledger", nullptr, ledger_commands::DecideRecordManualPayment(nullptr, payment));
  EXPECT_EQ(state.at("manual_payment").at("currency"), "usd");
  EXPECT_EQ(state.at("manual_payment").at("livemode"), true);
  state = After("ledger", state, ledger_commands::DecideAdjustLedger(state, adjustment));
  EXPECT_EQ(state.at("adjustment").at("amount"), -5);
  for (const Decision& decision : {ledger_commands::DecideRecordManualPayment(state, payment),
                                   ledger_commands::DecideAdjustLedger(state, adjustment)}) {
    ASSERT_FALSE(decision);
    EXPECT_EQ(decision.error().code, "already_exists");
  }
}

TEST(Ledger, RefusesWhatCannotBeBooked) {
  const auto payment = [](Json amount) {
    return ledger_commands::DecideRecordManualPayment(
        nullptr, {{"payment_id", "p_1"}, {"amount", std::move(amount)}, {"currency", "usd"}});
  };
  const auto adjustment = [](std::int64_t amount) {
    return ledger_commands::DecideAdjustLedger(
        nullptr, {{"adjustment_id", "a_1"}, {"amount", amount}, {"currency", "usd"}, {"reason", "x"}});
  };
  EXPECT_FALSE(payment(0));
  EXPECT_FALSE(payment(-1));
  EXPECT_FALSE(payment(1.0));
  EXPECT_FALSE(adjustment(0));
  EXPECT_FALSE(adjustment(std::numeric_limits<std::int64_t>::min()));
  EXPECT_TRUE(adjustment(-kMost));
}

TEST(Ledger, BooksAPaymentWhenItHappened) {
  const Decision decision = ledger_commands::DecideRecordManualPayment(
      nullptr,
      {{"payment_id", "p_1"}, {"amount", 1}, {"currency", "usd"}, {"occurred_at", "2026-01-02T03:04:05Z"}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->front().occurred_at, ParseRfc3339("2026-01-02T03:04:05Z"));
}

// Any events, well formed or not, as an admin may append them.
rc::Gen<DecidedEvent> AnyEvent() {
  const auto amount =
      rc::gen::oneOf(rc::gen::inRange<std::int64_t>(-5, 100), rc::gen::arbitrary<std::int64_t>());
  return rc::gen::apply(
      [](std::string type, std::int64_t value, bool text) {
        Json data = {
            {"account_id", "acc_1"}, {"owner", "Ada"}, {"initial_balance", value}, {"amount", value}};
        if (text) data["amount"] = "100";
        return DecidedEvent{std::move(type), std::move(data), std::nullopt};
      },
      rc::gen::element<std::string>("AccountCreated", "MoneyDeposited", "MoneyWithdrawn", "AccountClosed",
                                    "Surprise"),
      amount, rc::gen::weightedElement<bool>({{9, false}, {1, true}}));
}

RC_GTEST_PROP(PrepaidAccountProperty, IsNeverOverdrawnByAnyEvents, ()) {
  const auto events = *rc::gen::container<std::vector<DecidedEvent>>(AnyEvent());
  Json state;
  for (const DecidedEvent& decided : events) {
    state = *EvolveState("prepaid_account", state, EventOf("prepaid_account", decided, Source::kApi));
    RC_ASSERT((state.is_null() || state.at("balance").get<std::int64_t>() >= 0));
  }
}

RC_GTEST_PROP(PrepaidAccountProperty, BalanceIsWhatWasPutInLessWhatWasTakenOut, ()) {
  const auto start = *rc::gen::inRange<std::int64_t>(0, 50);
  const auto movements =
      *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(-30, 30));
  Json state = Account(start);
  std::int64_t expected = start;
  std::vector<DecidedEvent> log;
  for (std::int64_t movement : movements) {
    const Decision decision = movement >= 0 ? prepaid_account::DecideDeposit(state, Amount(movement))
                                            : prepaid_account::DecideWithdraw(state, Amount(-movement));
    RC_ASSERT(decision.has_value() == (movement != 0 && expected + movement >= 0));
    if (!decision) continue;
    expected += movement;
    state = After("prepaid_account", state, decision);
    log.insert(log.end(), decision->begin(), decision->end());
    RC_ASSERT(decision->front().data.at("balance") == expected);
  }
  RC_ASSERT(state.at("balance") == expected);
  Json again = Account(start);
  for (const DecidedEvent& decided : log) {
    again = *EvolveState("prepaid_account", again, EventOf("prepaid_account", decided));
  }
  RC_ASSERT(again == state);
}

}  // namespace
}  // namespace billhook
