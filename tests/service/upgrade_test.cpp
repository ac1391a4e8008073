// A database that an earlier billhook has left, with events of our own from before they had versions, is
// upgraded and used on, on both engines.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/storage/log_walk.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/sqlite/models_file.h"
#include "tests/support/appends.h"
#include "tests/support/paths.h"
#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using nlohmann::json;

constexpr std::size_t kMigrationsThen = 6;

class AnEarlierDatabase : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    {
      const auto opened = database().OpenUnmigrated();
      const std::vector<storage::Migration>& all = storage::AllMigrations();
      storage::Migrate(*opened, {all.begin(), all.begin() + kMigrationsThen}, kNow);
      std::ostringstream rows;
      rows << std::ifstream(SourceDirectory() + "/tests/fixtures/before_own_event_versions.sql").rdbuf();
      storage::Database::Lease session = opened->Acquire(storage::Purpose::kAppend);
      storage::Transaction transaction(*session);
      session->BeginWrite();
      session->ExecuteScript(rows.str());
      transaction.Commit();
    }
    if (const std::optional<std::string> file = storage::SqliteFileOf(database().url()))
      std::filesystem::remove(storage::ModelsFileOf(*file));  // it had all in one file
    service_ = std::make_unique<RunningService>(Environment{{"DATABASE_URL", database().url()}});
  }

  json Get(const std::string& path) {
    const Answer answer = service_->Get("/api/v1/" + path);
    EXPECT_EQ(answer.status, 200) << path << ": " << answer.body;
    return answer.Json();
  }
  Answer Do(const std::string& type, const json& data, const http::Fields& headers = {}) {
    return service_->Post("/api/v1/commands", json({{"command_type", type}, {"data", data}}).dump(), headers);
  }
  json StateOf(const std::string& account, bool use_snapshot = true) {
    return service_
        ->Post("/api/v1/replay", json({{"aggregate_id", account}, {"use_snapshot", use_snapshot}}).dump())
        .Json();
  }

  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, AnEarlierDatabase,
                         ::testing::Values(Engine::kSqliteFile, Engine::kPostgres), EngineName);

TEST_P(AnEarlierDatabase, ShowsItsEventsAsTheyWereRecorded) {
  const json events = Get("events?limit=100&aggregate_type=prepaid_account")["data"];
  ASSERT_EQ(events.size(), 9U);
  EXPECT_EQ(events[3]["payload"], json({{"account_id", "acc_usd"}, {"amount", 50}}));
  EXPECT_EQ(events[3]["schema_version"], 1);
  EXPECT_EQ(events[8]["event_type"], "AccountClosed");
  EXPECT_EQ(events[8]["payload"], json({{"account_id", "acc_bare"}, {"balance", 0}}));
}

TEST_P(AnEarlierDatabase, TellsTheSameStatesAndLeavesItsOutdatedSnapshotAlone) {
  const json dollars = StateOf("acc_usd");
  EXPECT_EQ(dollars["state"]["balance"], 1349);
  EXPECT_EQ(dollars["snapshot_version"], nullptr) << "it has the form of the version before";
  EXPECT_EQ(dollars["events_replayed"], 5);
  EXPECT_EQ(StateOf("acc_eur")["state"]["balance"], 75);
  EXPECT_EQ(StateOf("acc_eur")["state"]["currency"], "eur");
  EXPECT_EQ(StateOf("acc_bare")["state"]["status"], "closed");
  EXPECT_EQ(Get("ledger/balances?min_position=13&wait_ms=20000")["data"][0]["net"], 680);
}

TEST_P(AnEarlierDatabase, GoesOnWithEventsOfTheNewestVersion) {
  const Answer taken = Do("WithdrawMoney", {{"account_id", "acc_eur"}, {"amount", 70}});
  ASSERT_EQ(taken.status, 200) << taken.body;
  EXPECT_EQ(taken.Json()["events"][0]["schema_version"], 2);
  EXPECT_EQ(taken.Json()["events"][0]["payload"],
            json({{"account_id", "acc_eur"}, {"amount", 70}, {"balance", 5}, {"currency", "eur"}}));
  const Answer more = Do("WithdrawMoney", {{"account_id", "acc_eur"}, {"amount", 6}});
  EXPECT_EQ(more.Code(), "insufficient_funds");
  const Answer closed = Do("CloseAccount", {{"account_id", "acc_eur"}});
  ASSERT_EQ(closed.status, 200) << closed.body;
  EXPECT_EQ(closed.Json()["events"][0]["payload"]["currency"], "eur");
  const Answer again =
      Do("WithdrawMoney", {{"account_id", "acc_usd"}, {"amount", 200}}, {{"Idempotency-Key", "take-200"}});
  ASSERT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.Json()["position"], 3) << "the first answer";

  const std::string await = "min_position=15&wait_ms=20000";
  const json balances = Get("projections/account_balance/state?" + await)["state"];
  EXPECT_EQ(balances["acc_usd"]["balance"], 1349);
  EXPECT_EQ(balances["acc_usd"]["transactions"].size(), 5U);
  EXPECT_EQ(balances["acc_eur"]["balance"], 5);
  EXPECT_EQ(balances["acc_bare"]["status"], "closed");
  EXPECT_EQ(Get("dead-letters")["data"].size(), 0U);

  service_.reset();
  const auto opened = database().Open();
  const storage::ChainReport report = storage::VerifyLog(*opened, [](std::int64_t, std::int64_t) {});
  EXPECT_FALSE(report.first_bad_position.has_value()) << report.what;
  EXPECT_EQ(report.events, 15);
}

}  // namespace
}  // namespace billhook::test
