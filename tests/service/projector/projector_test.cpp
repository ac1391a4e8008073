// The threads that keep read models up with the log, and those who wait for them.
#include "service/projector/projector.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>

#include "projections/event_counts.h"
#include "service/storage/event_log.h"
#include "tests/support/appends.h"
#include "tests/support/failing_store.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::Step;

constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::hours kNever{1};

// Nothing here looks for anything by itself.
ProjectorOptions OnlyWhenTold() {
  ProjectorOptions options;
  options.poll = options.safety_poll = kNever;
  options.quick_step = kNever;
  return options;
}

std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

// What one process is made of, as far as projections go.
class Process {
 public:
  explicit Process(const TestDatabase& test_database, const ProjectorOptions& options = OnlyWhenTold())
      : database(test_database.Open()),
        log(*database),
        read_models(*database),
        projector(
            read_models, {&projection}, options, [] { return kNow; },
            [this](const Projection&, const Step& step) { steps.push_back(step); },
            [](const Projection&, const std::string&) {}) {
    read_models.Register({&projection}, kNow);
  }

  void Append(int count) {
    for (int i = 0; i < count; ++i) {
      AppendOne(log, StripeAppend("evt_" + std::to_string(++appended)));
      projector.Wake();
    }
  }
  // As Service does.
  void Listen() {
    database->Listen(
        [this](const storage::Announcement& announcement) {
          if (announcement.projection.empty()) return projector.Wake();
          projector.NoteVisible(announcement.projection, announcement.position);
        },
        [this](storage::Hearing hearing, const std::string&) {
          if (hearing == storage::Hearing::kWorks) hears.Open();
        });
    hears.Pass();
  }
  bool Sees(std::int64_t position) { return projector.WaitFor("statistics", position, Soon()); }

  const EventCounts projection;
  std::unique_ptr<storage::Database> database;
  storage::EventLog log;
  storage::ReadModels read_models;
  std::vector<Step> steps;
  Gate hears;
  Projector projector;
  int appended = 0;
};

class AProjector : public OnEachEngine {};

TEST_P(AProjector, TakesMoreAtATimeWhileThereIsABacklog) {
  ProjectorOptions options = OnlyWhenTold();
  options.batch = 2;
  Process process(database(), options);
  process.Append(24);
  while (process.projector.RunOnce(process.projection).more) {
  }
  std::vector<std::size_t> events;
  for (const Step& step : process.steps) events.push_back(step.events);
  EXPECT_EQ(events, (std::vector<std::size_t>{2, 4, 4, 4, 4, 4, 2}));
  process.steps.clear();
  process.Append(5);
  process.projector.RunOnce(process.projection);
  EXPECT_EQ(process.steps.front().events, 2U) << "close to the log's end batches are small again";
}

TEST_P(AProjector, LetsNobodyWaitForThePauseThatItKeeps) {
  ProjectorOptions options = OnlyWhenTold();
  options.pace = kNever;
  Process process(database(), options);
  process.projector.Start();
  for (int i = 1; i <= 5; ++i) {
    process.Append(1);
    EXPECT_TRUE(process.Sees(i));
  }
  process.projector.Stop();
}

// As after a failover: the new primary has not heard of the last steps.
TEST_P(AProjector, BelievesNoPositionThatTheDatabaseHasForgotten) {
  Process process(database());
  process.Append(3);
  process.projector.RunOnce(process.projection);
  process.database->Acquire(storage::Purpose::kProject)->Execute("UPDATE checkpoints SET position = 2", {});
  EXPECT_TRUE(process.projector.WaitFor("statistics", 2, Soon()));
  EXPECT_FALSE(process.projector.WaitFor("statistics", 3, std::chrono::steady_clock::now()));
  process.projector.RunOnce(process.projection);
  EXPECT_TRUE(process.projector.WaitFor("statistics", 3, std::chrono::steady_clock::now()));
}

// Cannot use an event until told that it can, and keeps the order in which events were applied.
class Reluctant : public Projection {
 public:
  explicit Reluctant(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] std::vector<const Table*> tables() const override { return {}; }
  [[nodiscard]] std::vector<std::string_view> payloads() const override { return {}; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel&) const override {
    Changes changes;
    for (const RecordedEvent& recorded : batch) {
      if (willing) {
        applied.push_back(recorded.position);
      } else {
        changes.dead_letters.push_back({&recorded, "not now"});
      }
    }
    return changes;
  }

  std::atomic<bool> willing{false};
  mutable std::vector<std::int64_t> applied;

 private:
  std::string name_;
};

TEST_P(AProjector, TakesAllThatStandWellForwardInOneStep) {
  const EventCounts counts;
  const Reluctant other("other");
  const auto own = database().Open();
  storage::EventLog log(*own);
  storage::ReadModels read_models(*own);
  std::vector<std::pair<std::string, std::size_t>> steps;
  Projector projector(
      read_models, {&counts, &other}, OnlyWhenTold(), [] { return kNow; },
      [&](const Projection& projection, const Step& step) {
        steps.emplace_back(projection.name(), step.events);
      },
      [](const Projection&, const std::string&) {});
  read_models.Register({&counts, &other}, kNow);
  for (int i = 1; i <= 3; ++i) AppendOne(log, StripeAppend("evt_" + std::to_string(i)));
  EXPECT_FALSE(projector.RunTogether());
  EXPECT_EQ(steps, (std::vector<std::pair<std::string, std::size_t>>{{"statistics", 3}, {"other", 3}}));
  EXPECT_TRUE(projector.WaitFor("statistics", 3, std::chrono::steady_clock::now()));
  EXPECT_TRUE(projector.WaitFor("other", 3, std::chrono::steady_clock::now()));

  // One that is being rebuilt goes its own way from here on.
  read_models.StartRebuild(other, kNow);
  AppendOne(log, StripeAppend("evt_4"));
  steps.clear();
  EXPECT_FALSE(projector.RunTogether());
  EXPECT_FALSE(projector.RunTogether());
  EXPECT_EQ(steps, (std::vector<std::pair<std::string, std::size_t>>{
                       {"statistics", 1}, {"other", 0}, {"statistics", 0}}));
}

TEST_P(AProjector, TriesItsDeadLettersAgainInTheOrderOfTheLogAndABoundedNumberACall) {
  Reluctant one("one");
  Reluctant two("two");
  const auto own = database().Open();
  storage::EventLog log(*own);
  storage::ReadModels read_models(*own);
  Projector projector(
      read_models, {&one, &two}, OnlyWhenTold(), [] { return kNow; }, [](const Projection&, const Step&) {},
      [](const Projection&, const std::string&) {});
  read_models.Register({&one, &two}, kNow);
  for (int i = 1; i <= 120; ++i) AppendOne(log, StripeAppend("evt_" + std::to_string(i)));
  AppendOne(log, StripeAppend("evt_other", "cus_1", "other"));
  for (const Reluctant* projection : {&one, &two}) {
    while (projector.RunOnce(*projection).more) {
    }
  }

  const auto refused = projector.RetryDeadLetters("default", std::nullopt, {});
  EXPECT_EQ(refused.applied, 0);
  EXPECT_EQ(refused.failed, 100);
  EXPECT_TRUE(refused.next.has_value());

  one.willing = two.willing = true;
  storage::DeadLetterPlace after;
  std::int64_t applied = 0;
  int calls = 0;
  for (bool more = true; more; ++calls) {
    const auto retried = projector.RetryDeadLetters("default", "one", after);
    applied += retried.applied;
    EXPECT_EQ(retried.failed, 0);
    more = retried.next.has_value();
    if (more) after = *retried.next;
  }
  EXPECT_EQ(applied, 120);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(std::is_sorted(one.applied.begin(), one.applied.end()));
  EXPECT_TRUE(two.applied.empty()) << "only what was asked for";
  EXPECT_EQ(read_models.StatusOf("one")->dead_letters, 1) << "another tenant's stays";
  EXPECT_EQ(read_models.StatusOf("two")->dead_letters, 121);
}

// One that fails is tried again, alone, and holds up nobody.
class Failing : public EventCounts {
 public:
  [[nodiscard]] std::string_view name() const override { return "failing"; }
  [[nodiscard]] Changes Apply(const std::vector<RecordedEvent>& batch, ReadModel& read_model) const override {
    if (broken) throw StorageError("the world is not as it should be", true);
    return EventCounts::Apply(batch, read_model);
  }
  std::atomic<bool> broken{true};
};

TEST_P(AProjector, HoldsNobodyUpWithOneThatFails) {
  const EventCounts sound;
  Failing failing;
  const auto own = database().Open();
  storage::EventLog log(*own);
  storage::ReadModels read_models(*own);
  Gate failed;
  ProjectorOptions options = OnlyWhenTold();
  options.first_back_off = options.longest_back_off = std::chrono::milliseconds(1);
  Projector projector(
      read_models, {&failing, &sound}, options, [] { return kNow; }, [](const Projection&, const Step&) {},
      [&](const Projection&, const std::string&) { failed.Open(); });
  read_models.Register({&failing, &sound}, kNow);
  AppendOne(log, StripeAppend("evt_1"));
  projector.Start();
  EXPECT_TRUE(projector.WaitFor("statistics", 1, Soon()));
  failed.Pass();
  EXPECT_FALSE(projector.WaitFor("failing", 1, std::chrono::steady_clock::now()));
  failing.broken = false;
  EXPECT_TRUE(projector.WaitFor("failing", 1, Soon()));
  projector.Stop();
  EXPECT_EQ(read_models.StatusOf("failing")->last_error, std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Engines, AProjector,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

class ProcessesOnOnePostgres : public ::testing::Test {
 protected:
  void SetUp() override { BILLHOOK_REQUIRE_DATABASE(database_); }
  const TestDatabase database_{Engine::kPostgres};
};

TEST_F(ProcessesOnOnePostgres, WakeEachOtherByWhatTheyAppend) {
  Process one(database_);
  Process two(database_);
  two.Listen();
  two.projector.Start();
  one.Append(3);  // nobody projects there
  EXPECT_TRUE(two.Sees(3));
  two.projector.Stop();
  two.database->StopListening();
}

TEST_F(ProcessesOnOnePostgres, LearnWhatAnotherHasMadeVisible) {
  Process one(database_);
  Process two(database_);
  two.Listen();  // but projects nothing itself
  one.Append(2);
  one.projector.RunOnce(one.projection);
  EXPECT_TRUE(two.Sees(2));
  EXPECT_FALSE(two.projector.WaitFor("statistics", 3, std::chrono::steady_clock::now()));
  two.database->StopListening();
}

TEST_F(ProcessesOnOnePostgres, DoEachStepOnceAndLeaveItToWhoIsLeft) {
  Process one(database_);
  Process two(database_);
  one.Append(4);
  {
    // As a process does in the midst of a step.
    storage::Database::Lease session = one.database->Acquire(storage::Purpose::kProject);
    session->BeginProjecting();
    ASSERT_EQ(session
                  ->Query("SELECT 1 FROM checkpoints c WHERE projection = 'statistics'" +
                          session->Claiming("c", storage::Claim::kPassBy))
                  .size(),
              1U);
    EXPECT_EQ(two.projector.RunOnce(two.projection).outcome, Step::Outcome::kElsewhere);
  }  // and dies
  EXPECT_EQ(two.projector.RunOnce(two.projection).position, 4);
  EXPECT_EQ(one.projector.RunOnce(one.projection).outcome, Step::Outcome::kCaughtUp);
}

}  // namespace
}  // namespace billhook::test
