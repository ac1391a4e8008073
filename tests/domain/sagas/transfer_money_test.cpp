#include "domain/sagas/transfer_money.h"

#include <limits>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "domain/prepaid_account.h"
#include "domain/sagas/sequence.h"
#include "tests/support/saga_world.h"

namespace billhook::sagas {
namespace {

using test::SagaWorld;

constexpr UnixMicros kNow = 1'767'268'800'000'000;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

void Do(SagaWorld& world, const std::string& account, Decide decide, const Json& command) {
  const Decision decision = decide(world.State("prepaid_account", account), command);
  ASSERT_TRUE(decision) << decision.error().code;
  for (const DecidedEvent& event : *decision) world.Record("prepaid_account", account, event);
}

void Open(SagaWorld& world, const std::string& account, std::int64_t balance,
          const std::string& currency = "usd") {
  Do(world, account, &prepaid_account::DecideCreate,
     {{"account_id", account}, {"owner", "Ada"}, {"initial_balance", balance}, {"currency", currency}});
}

void Close(SagaWorld& world, const std::string& account) {
  Do(world, account, &prepaid_account::DecideClose, Json::object());
}

std::int64_t BalanceOf(SagaWorld& world, const std::string& account) {
  return world.State("prepaid_account", account).at("balance").get<std::int64_t>();
}

void Begin(SagaWorld& world, std::int64_t amount, const std::string& id = "s", const std::string& from = "a",
           const std::string& to = "b") {
  const Result<DecidedEvent, CommandRefusal> start =
      kTransferMoney.start({{"from_account", from}, {"to_account", to}, {"amount", amount}}, kNow);
  ASSERT_TRUE(start);
  world.RecordSaga(id, *start);
}

TEST(TransferMoney, MovesMoneyInTwoSteps) {
  SagaWorld world;
  Open(world, "a", 10);
  Open(world, "b", 1);
  Begin(world, 4);
  EXPECT_EQ(world.Course("s"), " -> running");
  ASSERT_TRUE(world.TakeStep(kTransferMoney, "s", kNow));
  EXPECT_EQ(world.Course("s"), "withdraw completed -> running");
  ASSERT_TRUE(world.TakeStep(kTransferMoney, "s", kNow));
  EXPECT_EQ(world.Course("s"), "withdraw completed, deposit completed -> completed");
  EXPECT_FALSE(world.TakeStep(kTransferMoney, "s", kNow));
  EXPECT_EQ(BalanceOf(world, "a"), 6);
  EXPECT_EQ(BalanceOf(world, "b"), 5);
}

TEST(TransferMoney, FailsWhereTheWithdrawalIsRefused) {
  SagaWorld world;
  Begin(world, 4);
  world.Run(kTransferMoney, "s", kNow);
  EXPECT_EQ(world.Course("s"), "withdraw failed account_not_found -> failed");
  Open(world, "a", 3);
  Begin(world, 4, "t");
  world.Run(kTransferMoney, "t", kNow);
  EXPECT_EQ(world.Course("t"), "withdraw failed insufficient_funds -> failed");
  Close(world, "a");
  Begin(world, 1, "u");
  world.Run(kTransferMoney, "u", kNow);
  EXPECT_EQ(world.Course("u"), "withdraw failed account_closed -> failed");
  EXPECT_EQ(BalanceOf(world, "a"), 3);
}

TEST(TransferMoney, IsCompensatedWhereTheDepositIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {{"none", "account_not_found"},
                                                                  {"closed", "account_closed"},
                                                                  {"euro", "currency_mismatch"},
                                                                  {"full", "balance_too_large"}};
  for (const auto& [to, code] : cases) {
    SagaWorld world;
    Open(world, "a", 10);
    Open(world, "closed", 0);
    Close(world, "closed");
    Open(world, "euro", 0, "eur");
    Open(world, "full", kMost);
    Begin(world, 4, "s", "a", to);
    world.Run(kTransferMoney, "s", kNow);
    EXPECT_EQ(world.Course("s"),
              "withdraw completed, deposit failed " + code + ", refund completed -> compensated");
    EXPECT_EQ(BalanceOf(world, "a"), 10);
  }
}

TEST(TransferMoney, RefundsIntoAnAccountThatWasClosedMeanwhile) {
  SagaWorld world;
  Open(world, "a", 10);
  Begin(world, 4);
  ASSERT_TRUE(world.TakeStep(kTransferMoney, "s", kNow));
  Close(world, "a");
  world.Run(kTransferMoney, "s", kNow);
  EXPECT_EQ(world.Course("s"),
            "withdraw completed, deposit failed account_not_found, refund completed -> compensated");
  EXPECT_EQ(BalanceOf(world, "a"), 10);
  EXPECT_EQ(world.State("prepaid_account", "a").at("status"), "closed");
}

TEST(TransferMoney, TriesARefusedRefundAgainUntilThereIsRoomForIt) {
  SagaWorld world;
  Open(world, "a", 10);
  Begin(world, 4);
  ASSERT_TRUE(world.TakeStep(kTransferMoney, "s", kNow));
  Do(world, "a", &prepaid_account::DecideDeposit, {{"amount", kMost - 6}});
  world.Run(kTransferMoney, "s", kNow);
  const std::string stuck =
      "withdraw completed, deposit failed account_not_found, refund failed balance_too_large -> compensating";
  EXPECT_EQ(world.Course("s"), stuck);
  EXPECT_FALSE(world.TakeStep(kTransferMoney, "s", kNow + kCompensationRetry - 1)) << "not yet";
  world.Run(kTransferMoney, "s", kNow + kCompensationRetry);
  EXPECT_EQ(world.Course("s"), stuck);
  Do(world, "a", &prepaid_account::DecideWithdraw, {{"amount", 4}});
  world.Run(kTransferMoney, "s", kNow + 2 * kCompensationRetry);
  EXPECT_EQ(world.Saga("s").at("status"), "compensated");
  EXPECT_EQ(BalanceOf(world, "a"), kMost);
}

TEST(TransferMoney, StartsBetweenTwoNamedAccountsAlone) {
  const auto fault = [](const std::string& from, const std::string& to) {
    const auto start =
        kTransferMoney.start({{"from_account", from}, {"to_account", to}, {"amount", 1}}, kNow);
    return start ? "" : start.error().pointer;
  };
  EXPECT_EQ(fault("a", "b"), "");
  EXPECT_EQ(fault("a", "a"), "/to_account");
  EXPECT_EQ(fault("a\n", "b"), "/from_account");
  EXPECT_EQ(fault("a", "\x7f"), "/to_account");
}

// Transfers among accounts that are closed at any moment, each step of each at any time.
RC_GTEST_PROP(TransferMoneyProperty, NeitherMakesNorLosesMoneyAndAlwaysEnds, ()) {
  SagaWorld world;
  const std::vector<std::string> accounts = {"a", "b", "c", "none"};
  for (const char* account : {"a", "b", "c"}) Open(world, account, 10);
  std::vector<std::string> sagas;
  const auto total = [&] {
    std::int64_t sum = 0;
    for (const char* account : {"a", "b", "c"}) sum += BalanceOf(world, account);
    for (const std::string& id : sagas) {
      const Json& saga = world.Saga(id);
      const bool in_flight = IsDone(saga, "withdraw") && !IsDone(saga, "deposit") && !IsDone(saga, "refund");
      if (in_flight) sum += saga.at("data").at("amount").get<std::int64_t>();
    }
    return sum;
  };
  const int moves = *rc::gen::inRange(1, 60);
  for (int i = 0; i < moves; ++i) {
    const int kind = *rc::gen::inRange(0, 10);
    if (kind < 3) {
      const std::string from = *rc::gen::elementOf(accounts);
      const std::string to = *rc::gen::elementOf(accounts);
      if (from == to) continue;
      sagas.push_back("s" + std::to_string(sagas.size()));
      Begin(world, *rc::gen::inRange(1, 15), sagas.back(), from, to);
    } else if (kind == 3) {
      const std::string account = *rc::gen::elementOf(std::vector<std::string>{"a", "b", "c"});
      if (world.State("prepaid_account", account).at("status") == "open") Close(world, account);
    } else if (!sagas.empty()) {
      world.TakeStep(kTransferMoney, *rc::gen::elementOf(sagas), kNow);
    }
    RC_ASSERT(total() == 30);
  }
  for (const std::string& id : sagas) {
    world.Run(kTransferMoney, id, kNow);
    RC_ASSERT(HasEnded(StatusOf(world.Saga(id))));
  }
  RC_ASSERT(total() == 30);
}

Attempt Note(const Json&, const Json&) {
  return Done{};
}
Attempt Refuse(const Json&, const Json&) {
  return Unexpected(CommandRefusal{CommandRefusal::Kind::kConflict, "refused", "No.", ""});
}

TEST(Sequence, UndoesInReverseOrderWhatWasDone) {
  constexpr SequenceStep kSteps[] = {{"one", "note", "id", &Note, "undo_one", &Note},
                                     {"two", "note", "id", &Note},
                                     {"three", "note", "id", &Note, "undo_three", &Note},
                                     {"four", "note", "id", &Refuse, "undo_four", &Note},
                                     {"five", "note", "id", &Note}};
  SagaWorld world;
  world.RecordSaga("s", Started("Test", {{"id", "n"}}, Status::kRunning, std::nullopt, kNow));
  while (const std::optional<Step> step = NextIn(kSteps, world.Saga("s"), kNow))
    world.RecordSaga("s", TakeIn(kSteps, world.Saga("s"), *step, nullptr, kNow).record);
  EXPECT_EQ(world.Course("s"),
            "one completed, two completed, three completed, four failed refused, undo_three completed, "
            "undo_one completed -> compensated");
}

TEST(SagaEvents, OfAnybodyElseCountNothing) {
  const DecidedEvent started = Started("TransferMoney", Json::object(), Status::kRunning, std::nullopt, kNow);
  Event event;
  event.aggregate_type = kAggregateType;
  event.event_type = started.event_type;
  event.payload = started.data.dump();
  for (Source source : {Source::kApi, Source::kCommand, Source::kStripe}) {
    event.source = source;
    EXPECT_FALSE(EvolveStrictly(nullptr, event));
  }
  event.source = Source::kSaga;
  EXPECT_TRUE(EvolveStrictly(nullptr, event));
}

TEST(SagaEvents, ThatCannotBeAreRefused) {
  const auto usable = [](const Json& state, const std::string& type, const Json& data) {
    return EvolveSaga(state, type, data).has_value();
  };
  const Json started = {
      {"saga_type", "T"}, {"data", Json::object()}, {"status", "running"}, {"at", "2026-01-01T12:00:00Z"}};
  const Json state = *EvolveSaga(nullptr, "SagaStarted", started);
  const Json step = {{"step", "one"}, {"status", "completed"}, {"at", "2026-01-01T12:00:00Z"}};
  EXPECT_FALSE(usable(state, "SagaStarted", started)) << "twice";
  EXPECT_FALSE(usable(nullptr, "SagaStepCompleted", step)) << "before it starts";
  EXPECT_TRUE(usable(state, "SagaStepCompleted", step));
  EXPECT_FALSE(usable(*EvolveSaga(state, "SagaStepCompleted", step), "SagaStepCompleted", step)) << "ended";
  EXPECT_FALSE(usable(state, "SagaStepFailed", step)) << "without an error";
  EXPECT_FALSE(usable(state, "SagaSlept", step));
  for (const char* member : {"status", "at", "saga_type", "data"}) {
    Json without = started;
    without.erase(member);
    EXPECT_FALSE(usable(nullptr, "SagaStarted", without)) << member;
  }
  EXPECT_FALSE(usable(nullptr, "SagaStarted", {{"status", "asleep"}}));
}

TEST(DerivedId, IsAUuidThatFollowsFromItsParts) {
  const std::string id = DerivedId({"a", "b"});
  EXPECT_EQ(id, DerivedId({"a", "b"}));
  EXPECT_NE(id, DerivedId({"ab", ""}));
  EXPECT_NE(id, DerivedId({"a", "b", ""}));
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '8');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

}  // namespace
}  // namespace billhook::sagas
