#include "domain/aggregates.h"

#include <array>

#include "domain/access.h"
#include "domain/ledger.h"
#include "domain/prepaid_account.h"
#include "domain/sagas/saga.h"
#include "domain/upcast.h"

namespace billhook {
namespace {

struct Rules {
  std::string_view aggregate_type;
  Evolve evolve;
  bool sagas_alone = false;  // nobody else's event counts
};

constexpr std::array<Rules, 4> kRules = {{{prepaid_account::kAggregateType, &prepaid_account::EvolveAccount},
                                          {ledger_commands::kAggregateType, &ledger_commands::EvolveLedger},
                                          {access::kAggregateType, &access::EvolveAccess},
                                          {sagas::kAggregateType, &sagas::EvolveSaga, true}}};

const Rules* RulesOf(std::string_view aggregate_type) {
  for (const Rules& rules : kRules) {
    if (rules.aggregate_type == aggregate_type) return &rules;
  }
  return nullptr;
}

}  // namespace

bool HasRules(std::string_view aggregate_type) {
  return RulesOf(aggregate_type) != nullptr;
}

Result<Json, std::string> EvolveStrictly(const Json& state, const Event& event) {
  const Rules* rules = RulesOf(event.aggregate_type);
  BILLHOOK_CHECK(rules != nullptr);
  if (event.source == Source::kStripe) return Unexpected<std::string>("a Stripe event is none of ours");
  if (rules->sagas_alone && event.source != Source::kSaga)
    return Unexpected<std::string>("only the saga itself tells how it goes");
  const Result<Json, std::string> data = ReadData(event, state);
  if (!data) return Unexpected(data.error());
  return rules->evolve(state, event.event_type, *data);
}

std::optional<Json> EvolveState(std::string_view aggregate_type, const Json& state, const Event& event) {
  if (!HasRules(aggregate_type)) return std::nullopt;
  Result<Json, std::string> after = EvolveStrictly(state, event);
  return after ? *std::move(after) : state;
}

}  // namespace billhook
