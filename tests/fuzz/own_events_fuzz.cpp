// Events of our own as anybody with a key may post them, and as sagas record them, in any schema version:
// renewed, folded into their aggregate, into balances, into the ledger and into the list of sagas. Input:
// which events, from whom, in which version, how they are edited.
#include "domain/aggregates.h"
#include "domain/check.h"
#include "domain/upcast.h"
#include "projections/account_balance.h"
#include "projections/payment_ledger/payment_ledger.h"
#include "projections/sagas.h"
#include "tests/fuzz/edited_json.h"
#include "tests/fuzz/fold.h"

using namespace billhook;  // NOLINT

namespace {

struct Posted {
  const char* aggregate_type;
  const char* event_type;
  Json data;
};

// What each event of a saga tells beside its own.
Json Told(const char* status, Json data) {
  data.update({{"status", status}, {"at", "2026-01-02T03:04:05Z"}, {"due_at", "2026-01-02T03:05:05Z"}});
  return data;
}

const std::vector<Posted>& Types() {
  static const std::vector<Posted> kTypes = {
      {"prepaid_account", "AccountCreated", {{"account_id", "a"}, {"owner", "jo"}, {"initial_balance", 5}}},
      {"prepaid_account", "MoneyDeposited", {{"account_id", "a"}, {"amount", 100}, {"currency", "usd"}}},
      {"prepaid_account", "MoneyWithdrawn", {{"account_id", "a"}, {"amount", 3}}},
      {"prepaid_account", "AccountClosed", {{"account_id", "a"}, {"balance", 5}}},
      {"ledger", "ManualPaymentRecorded", {{"payment_id", "a"}, {"amount", 100}, {"currency", "usd"}}},
      {"ledger", "LedgerAdjusted", {{"adjustment_id", "a"}, {"amount", -100}, {"currency", "usd"}}},
      {"ledger", "MoneyDeposited", {{"amount", 1}}},
      {"access", "AccessSuspended", {{"invoice", "i"}, {"livemode", true}, {"account", nullptr}}},
      {"access", "AccessHoldReleased", {{"invoice", "i"}, {"livemode", true}, {"account", nullptr}}},
      {"access", "AccessRestored", {{"invoice", "i"}, {"livemode", true}, {"account", nullptr}}},
      {"saga", "SagaStarted", Told("running", {{"saga_type", "TransferMoney"}, {"data", {{"amount", 5}}}})},
      {"saga", "SagaStepCompleted", Told("waiting", {{"step", "withdraw"}, {"result", {{"version", 2}}}})},
      {"saga", "SagaStepFailed", Told("compensating", {{"step", "deposit"}, {"error", {{"code", "c"}}}})},
      {"saga", "SagaRescheduled", Told("running", Json::object())},
  };
  return kTypes;
}

RecordedEvent AnyEvent(FuzzedDataProvider& input, std::size_t number,
                       std::map<std::string, std::int64_t>& versions) {
  const Posted& posted = Types()[input.ConsumeIntegral<std::uint8_t>() % Types().size()];
  RecordedEvent recorded;
  Event& event = recorded.event;
  event.id = "00000000-0000-7000-8000-000000000000";
  event.tenant = "default";
  event.aggregate_type = posted.aggregate_type;
  event.aggregate_id = input.ConsumeIntegralInRange(0, 3) == 0 ? "b" : "a";
  event.event_type = posted.event_type;
  event.source = input.PickValueInArray({Source::kApi, Source::kApi, Source::kSaga, Source::kStripe});
  event.schema_version = input.ConsumeIntegralInRange(1, 3);
  event.payload = test::Edited(posted.data, input, 3).dump();
  event.caused_by = "request " + std::to_string(number);
  recorded.version = ++versions[event.aggregate_type + "/" + event.aggregate_id];
  return recorded;
}

// The state after the event, which the newest form of its data must lead to as well.
Json After(const Json& state, const Event& event) {
  const Result<Json, std::string> after = EvolveStrictly(state, event);
  BILLHOOK_CHECK(after || !after.error().empty());
  const Result<Json, std::string> newest = ReadData(event, state);
  if (newest && event.source != Source::kStripe) {
    Event renewed = event;
    renewed.payload = newest->dump();
    renewed.schema_version = SchemaVersionOf(event.aggregate_type, event.event_type);
    const Result<Json, std::string> again = EvolveStrictly(state, renewed);
    BILLHOOK_CHECK(again.has_value() == after.has_value() && (!after || *again == *after));
  }
  BILLHOOK_CHECK(EvolveState(event.aggregate_type, state, event) == (after ? *after : state));
  if (after && after->contains("balance")) BILLHOOK_CHECK(after->at("balance").get<std::int64_t>() >= 0);
  return after ? *after : state;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  test::Log log;
  std::map<std::string, std::int64_t> versions;
  std::map<std::string, Json> states;
  const auto count = input.ConsumeIntegralInRange<std::size_t>(1, 8);
  while (log.size() < count) {
    log.push_back(AnyEvent(input, log.size(), versions));
    const Event& event = log.back().event;
    Json& state = states[event.aggregate_type + "/" + event.aggregate_id];
    state = After(state, event);
  }
  static const PaymentLedger kLedger;
  static const AccountBalance kBalance;
  static const Sagas kSagas;
  BILLHOOK_CHECK(test::Fold(kLedger, log, log.size()) == test::Fold(kLedger, log, 1));
  BILLHOOK_CHECK(test::Fold(kBalance, log, log.size()) == test::Fold(kBalance, log, 1));
  BILLHOOK_CHECK(test::Fold(kSagas, log, log.size()) == test::Fold(kSagas, log, 1));
  return 0;
}
