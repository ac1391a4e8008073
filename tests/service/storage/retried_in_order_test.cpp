// A dead letter that is tried again when later events of its object have counted: the object becomes what it
// would be had nothing failed, on every engine and on a branch.
#include <gtest/gtest.h>

#include "domain/json.h"
#include "domain/sagas/saga.h"
#include "projections/account_balance.h"
#include "projections/sagas.h"
#include "service/branches/branches.h"
#include "service/query/scratch_model.h"
#include "service/storage/event_log.h"
#include "service/storage/read_models.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::Retry;

class RetriedInOrder : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    log_ = std::make_unique<storage::EventLog>(*database_);
    read_models_ = std::make_unique<storage::ReadModels>(*database_);
  }

  static AppendRequest Request(const char* aggregate_type, const std::string& type, const Json& data,
                               Source source) {
    billhook::Append append;
    append.event.id = NewUuidV7(kNow);
    append.event.tenant = "default";
    append.event.aggregate_type = aggregate_type;
    append.event.aggregate_id = "a";
    append.event.event_type = type;
    append.event.source = source;
    append.event.payload = data.dump();
    append.event.occurred_at = kNow;
    append.content = ContentDigest(append.event);
    return {append};
  }
  static AppendRequest DepositOf(std::int64_t amount) {
    return Request("prepaid_account", "MoneyDeposited", {{"amount", amount}}, Source::kCommand);
  }
  void Append(const char* aggregate_type, const std::string& type, const Json& data, Source source) {
    AppendOne(*log_, Request(aggregate_type, type, data, source));
  }
  void Open(std::int64_t balance) {
    Append("prepaid_account", "AccountCreated",
           {{"account_id", "a"}, {"owner", "Ada"}, {"initial_balance", balance}}, Source::kCommand);
  }
  void Deposit(std::int64_t amount) { AppendOne(*log_, DepositOf(amount)); }

  void CatchUp(const Projection& projection) {
    while (read_models_->Advance(projection, 100, kNow).outcome == storage::Step::Outcome::kAdvanced) {
    }
  }

  // No row of the table whose body has that text is taken until Allow.
  void Refuse(const std::string& table, const std::string& text) {
    const std::string like = "body LIKE '%" + text + "%'";
    Define(GetParam() == Engine::kPostgres
               ? "ALTER TABLE " + table + " ADD CONSTRAINT refusal CHECK (NOT " + like + ")"
               : "CREATE TRIGGER refusal BEFORE INSERT ON " + table + " WHEN NEW." + like +
                     " BEGIN SELECT RAISE(ABORT, 'refused'); END");
  }
  void Allow(const std::string& table) {
    Define(GetParam() == Engine::kPostgres ? "ALTER TABLE " + table + " DROP CONSTRAINT refusal"
                                           : "DROP TRIGGER refusal");
  }
  void Define(const std::string& sql) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kProject);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    session->Execute(sql);
    transaction.Commit();
  }

  // The live row, all that readers see of it.
  std::string Row(const Projection& projection) {
    std::string columns;
    for (const Column& column : projection.tables().front()->columns)
      columns += " || '|' || coalesce(CAST(" + std::string(column.name) + " AS TEXT), '-')";
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    const storage::Rows rows =
        session->Query("SELECT ''" + columns + " FROM " + std::string(projection.tables().front()->name) +
                           " WHERE generation = (SELECT live_generation FROM projections WHERE name = $1)",
                       {std::string(projection.name())});
    return rows.size() == 1 ? rows.Text(0, 0) : std::to_string(rows.size()) + " rows";
  }
  std::string Rebuilt(const Projection& projection) {
    EXPECT_EQ(read_models_->StartRebuild(projection, kNow), storage::RebuildStart::kBegun);
    CatchUp(projection);
    return Row(projection);
  }
  std::int64_t DeadLetters(const Projection& projection) {
    return read_models_->StatusOf(std::string(projection.name()))->dead_letters;
  }

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<storage::ReadModels> read_models_;
};

INSTANTIATE_TEST_SUITE_P(ReadModels, RetriedInOrder,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(RetriedInOrder, AnAccountCountsTheDepositThatTheDatabaseHadRefused) {
  const AccountBalance projection;
  read_models_->Register({&projection}, kNow);
  Open(100);
  CatchUp(projection);
  Refuse("account_balance", "\"balance\":150");
  Deposit(50);
  CatchUp(projection);
  EXPECT_EQ(DeadLetters(projection), 1);
  Deposit(7);
  CatchUp(projection);
  EXPECT_NE(Row(projection).find("\"balance\":107"), std::string::npos);
  EXPECT_EQ(read_models_->RetryDeadLetter(projection, "default", 2, kNow), Retry::kFailedAgain);
  EXPECT_NE(Row(projection).find("\"balance\":107"), std::string::npos);
  Allow("account_balance");
  Deposit(1'000);  // in the log, but not yet for those who read the account
  EXPECT_EQ(read_models_->RetryDeadLetter(projection, "default", 2, kNow), Retry::kApplied);
  EXPECT_EQ(DeadLetters(projection), 0);
  EXPECT_NE(Row(projection).find("\"status\":\"open\",\"transactions\""), std::string::npos);
  EXPECT_NE(Row(projection).find("\"balance\":157,\"status\""), std::string::npos) << Row(projection);
  CatchUp(projection);
  const std::string retried = Row(projection);
  EXPECT_NE(retried.find("\"balance\":1157,\"status\""), std::string::npos) << retried;
  EXPECT_EQ(retried, Rebuilt(projection));
}

TEST_P(RetriedInOrder, ALongStreamIsReadToItsEnd) {
  const AccountBalance projection;
  read_models_->Register({&projection}, kNow);
  Open(1);
  CatchUp(projection);
  Refuse("account_balance", "\"balance\":3,");
  Deposit(2);
  CatchUp(projection);
  for (int i = 0; i < 600; ++i) Deposit(5);
  CatchUp(projection);
  Allow("account_balance");
  EXPECT_EQ(read_models_->RetryDeadLetter(projection, "default", 2, kNow), Retry::kApplied);
  const std::string retried = Row(projection);
  EXPECT_NE(retried.find("\"balance\":3003,\"status\""), std::string::npos) << retried;
  EXPECT_EQ(retried, Rebuilt(projection));
}

TEST_P(RetriedInOrder, ASagaTakesTheStepThatTheDatabaseHadRefused) {
  const Sagas projection;
  read_models_->Register({&projection}, kNow);
  const auto tell = [this](const DecidedEvent& decided) {
    Append(sagas::kAggregateType.data(), decided.event_type, decided.data, Source::kSaga);
  };
  tell(sagas::Started("T", {{"amount", 1}}, sagas::Status::kRunning, std::nullopt, kNow));
  CatchUp(projection);
  Refuse("sagas", "\"name\":\"one\"");
  tell(sagas::StepCompleted("one", sagas::Status::kRunning, kNow));
  CatchUp(projection);
  tell(sagas::StepCompleted("two", sagas::Status::kWaiting, kNow));
  CatchUp(projection);
  EXPECT_EQ(DeadLetters(projection), 1);
  Allow("sagas");
  EXPECT_EQ(read_models_->RetryDeadLetter(projection, "default", 2, kNow), Retry::kApplied);
  const std::string retried = Row(projection);
  EXPECT_NE(retried.find("\"name\":\"one\""), std::string::npos) << retried;
  EXPECT_EQ(retried, Rebuilt(projection));
}

TEST_P(RetriedInOrder, WhatIsAppliedOfABranchCountsInItsOrderToo) {
  const AccountBalance projection;
  Open(100);
  Deposit(50);
  ASSERT_TRUE(branches::Create(*database_, "default", "b", {}, kNow).has_value());
  Deposit(3'000);  // behind the fork
  const auto branch = branches::Append(*database_, "default", "b", {DepositOf(7), DepositOf(1'000)}, kNow);
  ASSERT_TRUE(branch.has_value());
  storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
  const storage::Timeline timeline = branch->branch.timeline();
  query::ScratchModel model(*session, timeline, projection, {&AccountBalance::kTable});
  for (std::int64_t position : {1, 3, 2}) model.ApplyAt({position});
  const billhook::Row& row = model.RowsOf(AccountBalance::kTable).begin()->second;
  EXPECT_EQ(Json::parse(std::get<std::string>(row.back())).at("balance"), 157);
}

}  // namespace
}  // namespace billhook::test
