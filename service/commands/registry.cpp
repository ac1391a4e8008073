#include <algorithm>
#include <limits>

#include "domain/ledger.h"
#include "domain/prepaid_account.h"
#include "service/commands/command_type.h"
#include "service/query/dead_letters_query.h"
#include "service/query/events_query.h"
#include "service/snapshots/snapshots.h"

namespace billhook::commands {
namespace {

Result<Json, Refusal> RebuildProjection(Operations& operations, const std::string&, const Json& data) {
  const std::string name = data.at("projection").get<std::string>();
  const Projection* projection = operations.projector.Find(name);
  if (projection == nullptr) return Unexpected(Refusal{404, "not_found", "There is no such projection."});
  switch (operations.read_models.StartRebuild(*projection, operations.clock())) {
    case storage::RebuildStart::kUnderWay:
      return Unexpected(Refusal{409, "rebuild_under_way", "This projection is being rebuilt already."});
    case storage::RebuildStart::kSuperseded:
      return Unexpected(Refusal{409, "projection_superseded", "A newer release made what readers see."});
    case storage::RebuildStart::kBegun:
      break;
  }
  operations.projector.Wake();
  return Json{{"projection", name}, {"status", "rebuilding"}};
}

Result<Json, Refusal> RetryDeadLetter(Operations& operations, const std::string& tenant, const Json& data) {
  const std::string name = data.at("dead_letter_id").get<std::string>();
  const std::optional<query::DeadLetterId> id = query::ParseDeadLetterId(name);
  const Projection* projection = id ? operations.projector.Find(id->projection) : nullptr;
  const storage::Retry retry = projection == nullptr
                                   ? storage::Retry::kNotFound
                                   : operations.projector.RetryDeadLetter(*projection, tenant, id->position);
  switch (retry) {
    case storage::Retry::kNotFound:
      break;
    case storage::Retry::kSuperseded:
      return Unexpected(Refusal{409, "rebuild_under_way",
                                "Another version of the projection is being built; it tries every event."});
    case storage::Retry::kApplied:
    case storage::Retry::kFailedAgain:
      return Json{{"dead_letter_id", name}, {"applied", retry == storage::Retry::kApplied}};
  }
  return Unexpected(Refusal{404, "not_found", "There is no such dead letter."});
}

Result<Json, Refusal> TakeSnapshot(Operations& operations, const std::string& tenant, const Json& data) {
  const std::string id = data.at("aggregate_id").get<std::string>();
  const std::vector<std::string> types = query::TypesOf(operations.database, tenant, id);
  const auto wanted = data.find("aggregate_type");
  const std::string type = wanted != data.end() ? wanted->get<std::string>()
                           : types.empty()      ? ""
                                                : types.front();
  if (std::find(types.begin(), types.end(), type) == types.end())
    return Unexpected(Refusal{404, "not_found", "There is no such stream."});
  if (wanted == data.end() && types.size() > 1) {
    return Unexpected(Refusal{422, "aggregate_ambiguous",
                              "This ID stands under several aggregate types: name aggregate_type."});
  }
  const Result<snapshots::Snapshot, query::NoState> taken =
      snapshots::Take(operations.database, {tenant, type, id}, std::nullopt, operations.clock());
  if (!taken)
    return Unexpected(Refusal{422, "no_state", "The events of this aggregate do not tell one state of it."});
  return Json{{"aggregate_type", type}, {"aggregate_id", id}, {"version", taken->state.version}};
}

std::vector<CommandType> MakeAll() {
  static const Schema kCreateAccount(R"({"type":"object","additionalProperties":false,
    "required":["account_id","owner"],"properties":{
    "account_id":{"type":"string","minLength":1,"maxLength":255},
    "owner":{"type":"string","minLength":1,"maxLength":255},
    "initial_balance":{"type":"integer","minimum":0},
    "currency":{"type":"string","pattern":"^[A-Za-z]{3}$"}}})");
  static const Schema kMovement(R"({"type":"object","additionalProperties":false,
    "required":["account_id","amount"],"properties":{
    "account_id":{"type":"string","minLength":1,"maxLength":255},
    "amount":{"type":"integer","minimum":1}}})");
  static const Schema kCloseAccount(R"({"type":"object","additionalProperties":false,
    "required":["account_id"],"properties":{
    "account_id":{"type":"string","minLength":1,"maxLength":255}}})");
  static const Schema kManualPayment(R"({"type":"object","additionalProperties":false,
    "required":["payment_id","amount","currency"],"properties":{
    "payment_id":{"type":"string","minLength":1,"maxLength":255},
    "amount":{"type":"integer","minimum":1},
    "currency":{"type":"string","pattern":"^[A-Za-z]{3}$"},
    "customer":{"type":"string","minLength":1,"maxLength":255},
    "reference":{"type":"string","maxLength":500},
    "occurred_at":{"type":"string","maxLength":64},
    "livemode":{"type":"boolean"}}})");
  static const Schema kAdjustLedger(R"({"type":"object","additionalProperties":false,
    "required":["adjustment_id","amount","currency","reason"],"properties":{
    "adjustment_id":{"type":"string","minLength":1,"maxLength":255},
    "amount":{"type":"integer","not":{"const":0}},
    "currency":{"type":"string","pattern":"^[A-Za-z]{3}$"},
    "reason":{"type":"string","minLength":1,"maxLength":500},
    "customer":{"type":"string","minLength":1,"maxLength":255},
    "livemode":{"type":"boolean"}}})");
  static const Schema kRebuild(R"({"type":"object","additionalProperties":false,
    "required":["projection"],"properties":{"projection":{"type":"string","minLength":1,"maxLength":255}}})");
  static const Schema kSnapshot(R"({"type":"object","additionalProperties":false,
    "required":["aggregate_id"],"properties":{
    "aggregate_id":{"type":"string","minLength":1,"maxLength":255},
    "aggregate_type":{"type":"string","minLength":1,"maxLength":255}}})");
  static const Schema kRetry(R"({"type":"object","additionalProperties":false,
    "required":["dead_letter_id"],"properties":{
    "dead_letter_id":{"type":"string","minLength":1,"maxLength":255}}})");
  const auto account = [](Decide decide) { return OnAggregate{prepaid_account::kAggregateType, decide}; };
  const auto ledger = [](Decide decide) { return OnAggregate{ledger_commands::kAggregateType, decide}; };
  return {
      {"CreateAccount", "account_id", &kCreateAccount, Role::kOperator,
       account(&prepaid_account::DecideCreate)},
      {"DepositMoney", "account_id", &kMovement, Role::kOperator, account(&prepaid_account::DecideDeposit)},
      {"WithdrawMoney", "account_id", &kMovement, Role::kOperator, account(&prepaid_account::DecideWithdraw)},
      {"CloseAccount", "account_id", &kCloseAccount, Role::kOperator, account(&prepaid_account::DecideClose)},
      {"RecordManualPayment", "payment_id", &kManualPayment, Role::kOperator,
       ledger(&ledger_commands::DecideRecordManualPayment)},
      {"AdjustLedger", "adjustment_id", &kAdjustLedger, Role::kOperator,
       ledger(&ledger_commands::DecideAdjustLedger)},
      {"RebuildProjection", "projection", &kRebuild, Role::kOperator, &RebuildProjection},
      {"RetryDeadLetter", "dead_letter_id", &kRetry, Role::kOperator, &RetryDeadLetter},
      {"TakeSnapshot", "aggregate_id", &kSnapshot, Role::kOperator, &TakeSnapshot},
  };
}

}  // namespace

const CommandType* FindCommandType(std::string_view name) {
  static const std::vector<CommandType> kTypes = MakeAll();
  for (const CommandType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace billhook::commands
