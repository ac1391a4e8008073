// The conformance suite of read models: steps, checkpoints, rebuilds and dead letters on every engine.
#include "service/storage/read_models.h"

#include "domain/check.h"
#include "domain/json.h"
#include "projections/customer_timeline.h"
#include "service/query/dead_letters_query.h"
#include "service/storage/event_log.h"
#include "service/storage/generation.h"
#include "tests/support/appends.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::ReadModels;
using storage::Step;

// Writes one row an event into the table of event counts, marked with the version, and cannot use events
// about "cus_bad", unless it is the lenient one.
class Marking : public Projection {
 public:
  explicit Marking(int version, bool lenient = false, std::string name = "marking")
      : version_(version), lenient_(lenient), name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] int version() const override { return version_; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {&kTable}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel&) const override {
    Changes changes;
    for (const RecordedEvent& recorded : batch) {
      if (recorded.event.aggregate_id == "cus_bad" && !lenient_) {
        changes.dead_letters.push_back({&recorded, "of no use"});
      } else {
        changes.Put(kTable, {name_ + std::to_string(recorded.position), "default", recorded.event.event_type,
                             "v" + std::to_string(version_), recorded.position});
      }
    }
    return changes;
  }

 private:
  static const Table kTable;
  int version_;
  bool lenient_;
  std::string name_;
};

const Table Marking::kTable = {
    "event_counts",
    {{"row_key"}, {"tenant"}, {"event_type"}, {"aggregate_type"}, {"events", ColumnType::kInteger}}};

class ReadModelsConformance : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    log_ = std::make_unique<storage::EventLog>(*database_);
    read_models_ = std::make_unique<ReadModels>(*database_);
  }

  void AppendEvents(int count, const std::string& aggregate_id = "cus_1") {
    for (int i = 0; i < count; ++i)
      AppendOne(*log_, StripeAppend("evt_" + std::to_string(++appended_), aggregate_id));
  }

  // What readers see: how many rows, and the mark that all of them bear ("" for none, "mixed" if they
  // differ).
  std::pair<std::int64_t, std::string> Visible() {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    const storage::Rows rows = session->Query(
        "SELECT aggregate_type, count(*) FROM event_counts WHERE generation = (SELECT live_generation FROM "
        "projections WHERE "
        "name = 'marking') GROUP BY aggregate_type");
    if (rows.empty()) return {0, ""};
    return {rows.Int(0, 1), rows.size() == 1 ? rows.Text(0, 0) : "mixed"};
  }

  std::int64_t StoredRows() {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
    return session->Query("SELECT count(*) FROM event_counts").Int(0, 0);
  }

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<storage::EventLog> log_;
  std::unique_ptr<ReadModels> read_models_;
  int appended_ = 0;
};

TEST_P(ReadModelsConformance, AdvanceBatchByBatchUntilCaughtUp) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(5);
  EXPECT_EQ(read_models_->Advance(projection, 2, kNow).position, 2);
  EXPECT_EQ(Visible().first, 2);
  EXPECT_EQ(read_models_->Advance(projection, 2, kNow).position, 4);
  EXPECT_EQ(read_models_->Advance(projection, 2, kNow).position, 5);
  EXPECT_EQ(read_models_->Advance(projection, 2, kNow).outcome, Step::Outcome::kCaughtUp);
  const auto status = read_models_->StatusOf("marking");
  EXPECT_EQ(status->position, 5);
  EXPECT_EQ(status->head, 5);
}

TEST_P(ReadModelsConformance, AdvanceTogetherWhereverEachStandsWithinReach) {
  const Marking one(1, false, "one");
  const Marking two(1, true, "two");
  read_models_->Register({&one, &two}, kNow);
  AppendEvents(1);
  read_models_->Advance(one, 10, kNow);
  AppendEvents(1, "cus_bad");
  AppendEvents(3);
  const std::vector<Step> steps = read_models_->AdvanceTogether({&one, &two}, 4, kNow);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].position, 4);
  EXPECT_EQ(steps[0].events, 3U) << "what it has applied before is not applied again";
  ASSERT_EQ(steps[0].dead_letters.size(), 1U);
  EXPECT_EQ(steps[0].dead_letters.front().position, 2);
  EXPECT_EQ(steps[0].dead_letters.front().event_id, "evt_2");
  EXPECT_EQ(steps[1].position, 4);
  EXPECT_EQ(steps[1].events, 4U);
  EXPECT_TRUE(steps[1].dead_letters.empty());
  EXPECT_TRUE(steps[0].more && steps[1].more);
  for (const Step& step : read_models_->AdvanceTogether({&one, &two}, 4, kNow)) {
    EXPECT_EQ(step.position, 5);
    EXPECT_EQ(step.events, 1U);
    EXPECT_FALSE(step.more || step.apart);
  }
  EXPECT_EQ(StoredRows(), 9);
  for (const Step& step : read_models_->AdvanceTogether({&one, &two}, 4, kNow))
    EXPECT_EQ(step.outcome, Step::Outcome::kCaughtUp);
}

TEST_P(ReadModelsConformance, LeaveOutWhomTheyWouldHaveToWaitFor) {
  const Marking sound(1, true, "sound");
  const Marking behind(1, true, "behind");
  const Marking rebuilt(1, true, "rebuilt");
  const Marking newer(2, true, "newer");
  read_models_->Register({&sound, &behind, &rebuilt, &newer}, kNow);
  const Marking old(1, true, "newer");
  AppendEvents(5);
  read_models_->Advance(sound, 10, kNow);
  read_models_->Advance(rebuilt, 10, kNow);
  read_models_->StartRebuild(rebuilt, kNow);
  AppendEvents(1);
  const std::vector<const Projection*> all = {&sound, &behind, &rebuilt, &old};
  std::vector<Step> steps = read_models_->AdvanceTogether(all, 4, kNow);
  EXPECT_EQ(steps[0].position, 6);
  EXPECT_FALSE(steps[0].apart);
  EXPECT_EQ(steps[1].position, 0);
  EXPECT_TRUE(steps[1].apart) << "more than a batch lies between";
  EXPECT_EQ(steps[2].position, 5);
  EXPECT_TRUE(steps[2].apart);
  EXPECT_EQ(steps[3].position, 0) << "rows of another version are not ours to change";
  EXPECT_FALSE(steps[3].apart);

  // Until what is left of the rebuild is cleared away it has more to do than to follow the log.
  int cleared = 0;
  while (read_models_->Advance(rebuilt, 10, kNow).more) ++cleared;
  EXPECT_GT(cleared, 0);
  while (read_models_->Advance(behind, 4, kNow).more) {
  }
  AppendEvents(1);
  steps = read_models_->AdvanceTogether(all, 4, kNow);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(steps[i].position, 7);
    EXPECT_FALSE(steps[i].apart);
  }
}

// Writes what breaks the table's rules.
class Careless : public Marking {
 public:
  Careless() : Marking(1, true, "careless") {}
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& rows) const override {
    Changes changes = Marking::Apply(batch, rows);
    for (auto& [table, by_key] : changes.rows) {
      for (auto& [key, row] : by_key) row->at(1) = std::monostate();
    }
    return changes;
  }
};

TEST_P(ReadModelsConformance, LoseNothingWhenOneOfThoseTogetherFails) {
  const Marking one(1, true, "one");
  const Careless careless;
  const Marking two(1, true, "two");
  read_models_->Register({&one, &careless, &two}, kNow);
  AppendEvents(3);
  EXPECT_THROW(read_models_->AdvanceTogether({&one, &careless, &two}, 10, kNow), StorageError);
  for (const Projection* projection :
       {static_cast<const Projection*>(&one), static_cast<const Projection*>(&careless),
        static_cast<const Projection*>(&two)}) {
    while (read_models_->Advance(*projection, 10, kNow).more) {
    }
    EXPECT_EQ(read_models_->StatusOf(std::string(projection->name()))->position, 3);
  }
  EXPECT_EQ(StoredRows(), 6);
  EXPECT_EQ(read_models_->StatusOf("careless")->dead_letters, 3);
  for (const Step& step : read_models_->AdvanceTogether({&one, &careless, &two}, 10, kNow))
    EXPECT_FALSE(step.apart);
}

TEST_P(ReadModelsConformance, SetAsideWhatAProjectionCannotUseAndGoOn) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(1);
  AppendEvents(1, "cus_bad");
  AppendEvents(1);
  const Step step = read_models_->Advance(projection, 10, kNow);
  EXPECT_EQ(step.position, 3);
  EXPECT_EQ(step.dead_letters.size(), 1U);
  EXPECT_EQ(Visible().first, 2);
  EXPECT_EQ(read_models_->StatusOf("marking")->dead_letters, 1);
}

TEST_P(ReadModelsConformance, TryADeadLetterAgainAndEndAsIfItHadNeverFailed) {
  const Marking strict(1);
  const Marking lenient(1, true);
  read_models_->Register({&strict}, kNow);
  AppendEvents(1, "cus_bad");
  AppendEvents(2);
  read_models_->Advance(strict, 10, kNow);
  EXPECT_EQ(read_models_->RetryDeadLetter(strict, "default", 1, kNow + 7), storage::Retry::kFailedAgain);
  const query::Page letters = query::ListDeadLetters(*database_, "default", "marking", {});
  ASSERT_EQ(letters.rows.size(), 1U);
  const Json letter = Json::parse(letters.rows.front());
  EXPECT_EQ(letter["attempts"], 2);
  EXPECT_NE(letter["first_failed_at"], letter["last_failed_at"]);
  EXPECT_EQ(read_models_->RetryDeadLetter(lenient, "other", 1, kNow), storage::Retry::kNotFound);
  EXPECT_EQ(read_models_->RetryDeadLetter(lenient, "default", 2, kNow), storage::Retry::kNotFound);
  EXPECT_EQ(read_models_->RetryDeadLetter(Marking(2), "default", 1, kNow), storage::Retry::kSuperseded);
  EXPECT_EQ(read_models_->RetryDeadLetter(lenient, "default", 1, kNow), storage::Retry::kApplied);
  EXPECT_EQ(read_models_->RetryDeadLetter(lenient, "default", 1, kNow), storage::Retry::kNotFound);
  EXPECT_EQ(Visible().first, 3);
  EXPECT_EQ(read_models_->StatusOf("marking")->dead_letters, 0);
  EXPECT_EQ(read_models_->StatusOf("marking")->position, 3);
}

TEST_P(ReadModelsConformance, ForgetADeadLetterOfTheTenantAlone) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(1, "cus_bad");
  read_models_->Advance(projection, 10, kNow);
  EXPECT_FALSE(read_models_->RemoveDeadLetter("marking", "other", 1));
  EXPECT_FALSE(read_models_->RemoveDeadLetter("marking", "default", 2));
  EXPECT_TRUE(read_models_->RemoveDeadLetter("marking", "default", 1));
  EXPECT_EQ(read_models_->StatusOf("marking")->dead_letters, 0);
}

TEST_P(ReadModelsConformance, ShowTheOldStateUntilARebuildIsCompleteAndThenAllOfTheNew) {
  const Marking old_version(1);
  read_models_->Register({&old_version}, kNow);
  AppendEvents(6);
  while (read_models_->Advance(old_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  const Marking new_version(2);
  read_models_->Register({&new_version}, kNow);
  EXPECT_TRUE(read_models_->StatusOf("marking")->rebuild.has_value())
      << "a changed version asks for its rebuild by itself";
  int steps = 0;
  while (read_models_->StatusOf("marking")->rebuild) {
    EXPECT_EQ(Visible(), std::make_pair(std::int64_t{6}, std::string("v1")));
    read_models_->Advance(new_version, 2, kNow);
    ASSERT_LT(++steps, 10);
  }
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{6}, std::string("v2")));
  while (read_models_->Advance(new_version, 2, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(StoredRows(), 6) << "the old generation is cleared away";
}

TEST_P(ReadModelsConformance, GoOnWithAppendsWhileTheyAreRebuilt) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(4);
  while (read_models_->Advance(projection, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  ASSERT_EQ(read_models_->StartRebuild(projection, kNow), storage::RebuildStart::kBegun);
  EXPECT_EQ(read_models_->StartRebuild(projection, kNow), storage::RebuildStart::kUnderWay)
      << "one rebuild at a time";
  AppendEvents(1);
  read_models_->Advance(projection, 2, kNow);
  EXPECT_EQ(Visible().first, 5) << "readers get new events during a rebuild";
  const auto status = read_models_->StatusOf("marking");
  ASSERT_TRUE(status->rebuild.has_value());
  EXPECT_EQ(status->rebuild->processed, 2);
  EXPECT_EQ(status->rebuild->total, 5);
  while (read_models_->Advance(projection, 2, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{5}, std::string("v1")));
  EXPECT_EQ(StoredRows(), 5);
}

TEST_P(ReadModelsConformance, OfAnOlderVersionAreNotTouchedByAnOldProcess) {
  const Marking new_version(2);
  read_models_->Register({&new_version}, kNow);
  const Marking old_version(1);
  read_models_->Register({&old_version}, kNow);
  AppendEvents(2);
  EXPECT_EQ(read_models_->Advance(old_version, 10, kNow).outcome, Step::Outcome::kCaughtUp);
  EXPECT_EQ(Visible().first, 0);
  read_models_->Advance(new_version, 10, kNow);
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{2}, std::string("v2")));
}

TEST_P(ReadModelsConformance, AreRebuiltForANewVersionByProcessesOfThatVersionAlone) {
  const Marking old_version(1);
  read_models_->Register({&old_version}, kNow);
  AppendEvents(4);
  while (read_models_->Advance(old_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  const Marking new_version(2);
  read_models_->Register({&new_version}, kNow);
  for (int i = 0; i < 5; ++i) read_models_->Advance(old_version, 1, kNow);
  EXPECT_EQ(read_models_->StatusOf("marking")->rebuild->processed, 0) << "an old process keeps its hands off";
  while (read_models_->Advance(new_version, 1, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{4}, std::string("v2")));
}

// Reads like Marking, but what it writes of events about "cus_refused" no database takes.
class Overreaching : public Marking {
 public:
  explicit Overreaching(bool lenient = false) : Marking(1), refuses_(!lenient) {}
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override {
    Changes changes = Marking::Apply(batch, read_model);
    for (auto& [table, rows] : changes.rows) {
      for (auto& [key, row] : rows) {
        const std::int64_t position = std::get<std::int64_t>(row->back());
        for (const RecordedEvent& recorded : batch) {
          if (refuses_ && recorded.position == position && recorded.event.aggregate_id == "cus_refused")
            (*row)[1] = std::monostate();  // the tenant, which is NOT NULL
        }
      }
    }
    return changes;
  }

 private:
  bool refuses_;
};

TEST_P(ReadModelsConformance, SetAsideTheOneEventWhoseOutcomeTheDatabaseRefuses) {
  const Overreaching projection;
  read_models_->Register({&projection}, kNow);
  AppendEvents(9);
  AppendEvents(1, "cus_refused");
  AppendEvents(5);
  AppendEvents(1, "cus_refused");
  AppendEvents(3);
  std::size_t letters = 0;
  for (Step step; (step = read_models_->Advance(projection, 100, kNow)).outcome == Step::Outcome::kAdvanced;)
    letters += step.dead_letters.size();
  EXPECT_EQ(letters, 2U);
  EXPECT_EQ(Visible().first, 17);
  EXPECT_EQ(read_models_->StatusOf("marking")->position, 19);
  const query::Page page = query::ListDeadLetters(*database_, "default", "marking", {});
  ASSERT_EQ(page.rows.size(), 2U);
  EXPECT_EQ(Json::parse(page.rows[0])["position"], 10);
  EXPECT_EQ(Json::parse(page.rows[1])["position"], 16);
  EXPECT_EQ(Json::parse(page.rows[0])["reason"], "the database refuses what would be written of it");

  EXPECT_EQ(read_models_->RetryDeadLetter(projection, "default", 10, kNow), storage::Retry::kFailedAgain);
  EXPECT_EQ(Json::parse(query::ListDeadLetters(*database_, "default", "marking", {}).rows[0])["attempts"], 2);
  EXPECT_EQ(read_models_->RetryDeadLetter(Overreaching(true), "default", 10, kNow), storage::Retry::kApplied);
  EXPECT_EQ(Visible().first, 18);
}

TEST_P(ReadModelsConformance, SetAsideTheSameEventsInARebuild) {
  const Overreaching projection;
  read_models_->Register({&projection}, kNow);
  AppendEvents(4);
  AppendEvents(1, "cus_refused");
  AppendEvents(4);
  const auto catch_up = [&] {
    while (read_models_->Advance(projection, 4, kNow).outcome == Step::Outcome::kAdvanced) {
    }
  };
  catch_up();
  ASSERT_EQ(read_models_->StartRebuild(projection, kNow), storage::RebuildStart::kBegun);
  catch_up();
  EXPECT_FALSE(read_models_->StatusOf("marking")->rebuild.has_value());
  EXPECT_EQ(Visible().first, 8);
  EXPECT_EQ(StoredRows(), 8);
  EXPECT_EQ(read_models_->StatusOf("marking")->dead_letters, 1);
}

TEST_P(ReadModelsConformance, TellTheirDeadLettersInOrderAFewAtATime) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(3, "cus_bad");
  AppendEvents(1);
  AppendEvents(2, "cus_bad");
  read_models_->Advance(projection, 100, kNow);
  std::vector<std::int64_t> positions;
  storage::DeadLetterPlace last;
  while (true) {
    const auto places = read_models_->DeadLettersAfter("default", "marking", last, 2);
    if (places.empty()) break;
    for (const storage::DeadLetterPlace& place : places) positions.push_back(place.position);
    last = places.back();
  }
  EXPECT_EQ(positions, (std::vector<std::int64_t>{1, 2, 3, 5, 6}));
  EXPECT_EQ(read_models_->DeadLettersAfter("default", std::nullopt, {}, 10).size(), 5U);
  EXPECT_TRUE(read_models_->DeadLettersAfter("other", std::nullopt, {}, 10).empty());
  EXPECT_TRUE(read_models_->DeadLettersAfter("default", "other", {}, 10).empty());
}

TEST_P(ReadModelsConformance, TellHowFastARebuildGoesSinceItWasTakenUp) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(10);
  while (read_models_->Advance(projection, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  read_models_->StartRebuild(projection, kNow);
  const auto pace = [&](UnixMicros now) {
    return storage::PaceOf(*read_models_->StatusOf("marking")->rebuild, now);
  };
  EXPECT_EQ(pace(kNow).rate_per_second, 0);
  EXPECT_EQ(pace(kNow).remaining_seconds, std::nullopt);
  read_models_->Advance(projection, 4, kNow);
  EXPECT_EQ(pace(kNow + 2 * kMicrosPerSecond).rate_per_second, 2);
  EXPECT_EQ(pace(kNow + 2 * kMicrosPerSecond).remaining_seconds, 3);
  // Another process takes it up much later: the time in between does not count.
  ReadModels successor(*database_);
  const UnixMicros later = kNow + 3'600 * kMicrosPerSecond;
  successor.Advance(projection, 3, later);
  EXPECT_EQ(pace(later + kMicrosPerSecond).rate_per_second, 3);
  EXPECT_EQ(pace(later + kMicrosPerSecond).remaining_seconds, 1);
}

TEST_P(ReadModelsConformance, GoOnWithARebuildWhereACrashLeftIt) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(6);
  while (read_models_->Advance(projection, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  read_models_->StartRebuild(projection, kNow);
  read_models_->Advance(projection, 2, kNow);
  ReadModels successor(*database_);
  successor.Register({&projection}, kNow);
  EXPECT_EQ(successor.StatusOf("marking")->rebuild->processed, 2);
  while (successor.Advance(projection, 2, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_FALSE(successor.StatusOf("marking")->rebuild.has_value());
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{6}, std::string("v1")));
  EXPECT_EQ(StoredRows(), 6);
}

// Readers must never see less than before: neither while a rebuild overtakes nor when it takes over.
TEST_P(ReadModelsConformance, NeverGoBackWhenTwoVersionsOfAProcessRunSideBySide) {
  const Marking old_version(1);
  const Marking new_version(2);
  ReadModels old_process(*database_);
  ReadModels new_process(*database_);
  old_process.Register({&old_version}, kNow);
  AppendEvents(12);
  new_process.Register({&new_version}, kNow);
  std::int64_t seen = 0;
  for (int round = 0; round < 40; ++round) {
    if (round % 3 == 0) AppendEvents(1);
    const bool old_turn = round % 2 == 0;
    const Step step =
        old_turn ? old_process.Advance(old_version, 1, kNow) : new_process.Advance(new_version, 3, kNow);
    const auto status = new_process.StatusOf("marking");
    EXPECT_GE(status->position, seen);
    EXPECT_EQ(status->position, step.position);
    seen = status->position;
    const auto [rows, mark] = Visible();
    EXPECT_EQ(rows, status->position);
    EXPECT_EQ(mark, rows == 0 ? "" : status->version == 1 ? "v1" : "v2") << "rows of one version at a time";
  }
  EXPECT_EQ(new_process.StatusOf("marking")->version, 2);
  const std::int64_t position = seen;
  AppendEvents(3);
  EXPECT_EQ(old_process.Advance(old_version, 10, kNow).position, position) << "an old process stands by";
  while (new_process.Advance(new_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{appended_}, std::string("v2")));
  EXPECT_EQ(StoredRows(), appended_);
}

TEST_P(ReadModelsConformance, AreTakenBackToAnOlderVersionOnlyWhereThatIsMeant) {
  const Marking old_version(1);
  const Marking new_version(2);
  read_models_->Register({&new_version}, kNow);
  AppendEvents(3);
  while (read_models_->Advance(new_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(read_models_->StartRebuild(old_version, kNow), storage::RebuildStart::kSuperseded);
  EXPECT_EQ(read_models_->StartRebuild(old_version, kNow, true), storage::RebuildStart::kBegun);
  while (read_models_->Advance(old_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{3}, std::string("v1")));
  EXPECT_EQ(read_models_->StatusOf("marking")->version, 1);
}

// A newer release began a rebuild and was undone in the midst of it.
TEST_P(ReadModelsConformance, GiveARebuildThatNobodyGoesOnWithUpWhereThatIsMeant) {
  const Marking old_version(1);
  const Marking new_version(2);
  read_models_->Register({&old_version}, kNow);
  AppendEvents(5);
  while (read_models_->Advance(old_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  read_models_->Register({&new_version}, kNow);
  read_models_->Advance(new_version, 2, kNow);
  EXPECT_EQ(read_models_->StartRebuild(old_version, kNow), storage::RebuildStart::kSuperseded);
  EXPECT_EQ(read_models_->StartRebuild(old_version, kNow, true), storage::RebuildStart::kBegun);
  while (read_models_->Advance(old_version, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_FALSE(read_models_->StatusOf("marking")->rebuild);
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{5}, std::string("v1")));
  EXPECT_EQ(StoredRows(), 5) << "nothing of the other rebuild is left";
}

// Cannot go on with the rows that readers see.
class Stuck : public Marking {
 public:
  Stuck() : Marking(1) {}
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override {
    const std::vector<Row> rows = read_model.Find(*tables().front(), "row_key", {"marking1"});
    if (!rows.empty() && std::get<std::string>(rows.front()[3]) == "broken")
      throw std::runtime_error("a row that should not be");
    return Marking::Apply(batch, read_model);
  }
};

TEST_P(ReadModelsConformance, AreRepairedByARebuildThoughTheyCannotGoOn) {
  const Stuck projection;
  read_models_->Register({&projection}, kNow);
  AppendEvents(3);
  while (read_models_->Advance(projection, 10, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  database_->Acquire(storage::Purpose::kProject)
      ->Execute("UPDATE event_counts SET aggregate_type = 'broken' WHERE row_key = 'marking1'", {});
  AppendEvents(1);
  EXPECT_THROW(read_models_->Advance(projection, 10, kNow), std::runtime_error);
  read_models_->NoteError("marking", "it cannot go on");
  EXPECT_EQ(read_models_->StartRebuild(projection, kNow), storage::RebuildStart::kBegun);
  while (read_models_->Advance(projection, 2, kNow).outcome == Step::Outcome::kAdvanced) {
  }
  EXPECT_EQ(Visible(), std::make_pair(std::int64_t{4}, std::string("v1")));
  EXPECT_EQ(read_models_->StatusOf("marking")->last_error, std::nullopt);
}

// The process that failed is gone, and with it what it knew of that.
TEST_P(ReadModelsConformance, ForgetAFailureOnceAnyProcessGoesOn) {
  const Marking projection(1);
  const Marking newer(2);
  read_models_->Register({&projection}, kNow);
  AppendEvents(1);
  read_models_->NoteError("marking", "it failed");
  EXPECT_TRUE(read_models_->AdvanceTogether({&projection}, 10, kNow).front().apart);
  read_models_->Advance(newer, 10, kNow);
  EXPECT_EQ(read_models_->StatusOf("marking")->last_error, "it failed") << "this one did nothing";
  read_models_->Advance(projection, 10, kNow);
  EXPECT_EQ(read_models_->StatusOf("marking")->last_error, std::nullopt);
  EXPECT_FALSE(read_models_->AdvanceTogether({&projection}, 10, kNow).front().apart);
}

TEST_P(ReadModelsConformance, SayWhetherThereIsMoreToDo) {
  const Marking projection(1);
  read_models_->Register({&projection}, kNow);
  AppendEvents(5);
  EXPECT_TRUE(read_models_->Advance(projection, 3, kNow).more);
  EXPECT_FALSE(read_models_->Advance(projection, 3, kNow).more);
  EXPECT_FALSE(read_models_->Advance(projection, 3, kNow).more);
  read_models_->StartRebuild(projection, kNow);
  EXPECT_TRUE(read_models_->Advance(projection, 9, kNow).more) << "the old rows are still there";
  EXPECT_TRUE(read_models_->Advance(projection, 9, kNow).more);
  while (read_models_->Advance(projection, 9, kNow).more) {
  }
  EXPECT_EQ(StoredRows(), 5);
}

// What a row is found by changes, stays, comes and goes.
TEST_P(ReadModelsConformance, KeepRowsFoundByWhatTheyHoldNow) {
  const Table table = {"customer_timeline", CustomerTimeline::kTable.columns};
  const auto row = [](const std::string& key, const Cell& family, std::int64_t names,
                      const std::string& body) {
    return Row{key,
               std::string("default"),
               key,
               std::int64_t{1},
               std::string(),
               Cell(),
               names,
               std::int64_t{1},
               std::int64_t{1},
               family,
               Cell(),
               Cell(),
               body};
  };
  storage::Database::Lease session = database_->Acquire(storage::Purpose::kProject);
  const auto write = [&](const std::vector<Row>& rows) {
    Changes changes;
    for (const Row& written : rows) changes.Put(table, written);
    storage::Transaction transaction(*session);
    session->BeginWrite();
    storage::WriteRows(*session, 1, changes);
    transaction.Commit();
  };
  const auto bodies = [&](const std::string& family, const std::optional<Flag>& flag) {
    const storage::Rows found = session->Lookup(table, 1, "own_key", {family}, flag);
    std::set<std::string> texts;
    for (std::size_t i = 0; i < found.size(); ++i) texts.insert(found.Text(i, table.IndexOf("body")));
    return texts;
  };
  using Texts = std::set<std::string>;
  const Flag waiting = {"names_customer", 0};
  write({row("a", "ch_1", 1, "a"), row("b", "ch_1", 0, "b"), row("c", Cell(), 0, "c")});
  EXPECT_EQ(bodies("ch_1", std::nullopt), (Texts{"a", "b"}));
  EXPECT_EQ(bodies("ch_1", waiting), Texts{"b"});
  write({row("a", "ch_1", 1, "a2"), row("b", "ch_2", 0, "b2"), row("c", "ch_1", 0, "c2")});
  EXPECT_EQ(bodies("ch_1", std::nullopt), (Texts{"a2", "c2"}));
  EXPECT_EQ(bodies("ch_1", waiting), Texts{"c2"});
  EXPECT_EQ(bodies("ch_2", waiting), Texts{"b2"});
  write({row("b", "ch_2", 1, "b2"), row("c", Cell(), 0, "c2")});
  EXPECT_EQ(bodies("ch_1", std::nullopt), Texts{"a2"});
  EXPECT_EQ(bodies("ch_2", waiting), Texts{});
  EXPECT_EQ(bodies("ch_2", std::nullopt), Texts{"b2"});
}

INSTANTIATE_TEST_SUITE_P(Engines, ReadModelsConformance,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

// What one engine holds and the other does not is set aside there alone, and holds up nothing.
class Verbatim : public Marking {
 public:
  explicit Verbatim(std::string text) : Marking(1), text_(std::move(text)) {}
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override {
    Changes changes = Marking::Apply(batch, read_model);
    for (auto& [table, rows] : changes.rows) {
      for (auto& [key, row] : rows) {
        if (std::get<std::int64_t>(row->back()) == 3) (*row)[2] = text_;
      }
    }
    return changes;
  }

 private:
  std::string text_;
};

TEST(ReadModelsOnPostgres, SetAsideATextThatItDoesNotHold) {
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xed\xa0\x80")}) {
    const TestDatabase database(Engine::kPostgres);
    BILLHOOK_REQUIRE_DATABASE(database);
    const auto postgres = database.Open();
    storage::EventLog log(*postgres);
    ReadModels read_models(*postgres);
    const Verbatim projection(text);
    read_models.Register({&projection}, kNow);
    for (int i = 1; i <= 6; ++i) AppendOne(log, StripeAppend("evt_" + std::to_string(i)));
    while (read_models.Advance(projection, 100, kNow).outcome == Step::Outcome::kAdvanced) {
    }
    EXPECT_EQ(read_models.StatusOf("marking")->position, 6);
    EXPECT_EQ(read_models.StatusOf("marking")->dead_letters, 1);
    EXPECT_EQ(read_models.DeadLettersAfter("default", std::nullopt, {}, 10).front().position, 3);
  }
}

TEST(ReadModelsOnPostgres, AreAdvancedByOneProcessAtATime) {
  const TestDatabase shared(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(shared);
  const auto one = shared.Open();
  const auto two = shared.Open();
  const Marking projection(1);
  ReadModels(*one).Register({&projection}, kNow);
  storage::EventLog log(*one);
  AppendOne(log, StripeAppend("evt_1"));
  storage::Database::Lease session = one->Acquire(storage::Purpose::kProject);
  session->BeginProjecting();
  ASSERT_FALSE(session
                   ->Query("SELECT 1 FROM checkpoints c WHERE c.projection = 'marking'" +
                           session->Claiming("c", storage::Claim::kPassBy))
                   .empty());
  EXPECT_EQ(ReadModels(*two).Advance(projection, 10, kNow).outcome, Step::Outcome::kElsewhere);
  const Marking other(1, false, "other");
  ReadModels(*two).Register({&other}, kNow);
  const std::vector<Step> together = ReadModels(*two).AdvanceTogether({&projection, &other}, 10, kNow);
  EXPECT_EQ(together[0].outcome, Step::Outcome::kElsewhere);
  EXPECT_EQ(together[1].outcome, Step::Outcome::kAdvanced);
  session->Rollback();
  EXPECT_EQ(ReadModels(*two).Advance(projection, 10, kNow).outcome, Step::Outcome::kAdvanced);
}

}  // namespace
}  // namespace billhook::test
