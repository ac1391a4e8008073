#include "projections/sagas.h"

#include <gtest/gtest.h>

#include "domain/sagas/saga.h"
#include "tests/support/convergence.h"

namespace billhook {
namespace {

using sagas::Status;

constexpr UnixMicros kNow = 1'767'268'800'000'000;

RecordedEvent Told(const DecidedEvent& decided, std::int64_t version, Source source = Source::kSaga) {
  RecordedEvent recorded = test::Recorded({.id = "evt", .type = decided.event_type});
  recorded.event.aggregate_type = sagas::kAggregateType;
  recorded.event.aggregate_id = "s";
  recorded.event.source = source;
  recorded.event.payload = decided.data.dump();
  recorded.event.occurred_at = kNow;
  recorded.version = version;
  return recorded;
}

const Json kData = {{"amount", 1}};
const CommandRefusal kWhy = {CommandRefusal::Kind::kConflict, "account_closed", "It is closed.", ""};

TEST(SagasProjection, ShowsEachStepAndWhenToLookAfterTheSaga) {
  const Sagas projection;
  const std::vector<RecordedEvent> log = {
      Told(sagas::Started("T", kData, Status::kRunning, std::nullopt, kNow), 1),
      Told(sagas::StepFailed("one", Status::kCompensating, kWhy, kNow + 5, kNow), 2),
      Told(sagas::Rescheduled(Status::kWaiting, kNow + 7, kNow), 3),
      Told(sagas::StepCompleted("two", Status::kWaiting, kNow), 4),
      Told(sagas::StepCompleted("three", Status::kCompleted, kNow), 5)};
  const std::vector<Json> due = {kNow + Sagas::kLeftBehind, kNow + 5, kNow + 7, nullptr, nullptr};
  for (std::size_t count = 1; count <= log.size(); ++count) {
    const test::MemoryReadModel model = test::Project(projection, {log.begin(), log.begin() + count}, 1);
    const std::vector<Json> rows = model.Rows(Sagas::kTable);
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].value("due_at", Json()), due[count - 1]) << count;
  }
  const std::vector<Json> rows = test::Project(projection, log, 5).Rows(Sagas::kTable);
  EXPECT_EQ(rows[0]["status"], "completed");
  EXPECT_EQ(rows[0]["body"], Json::parse(R"({"saga_id":"s","saga_type":"T","status":"completed",
    "data":{"amount":1},"due_at":null,"steps":[
    {"name":"one","status":"failed","at":"2026-01-01T12:00:00Z","error":{"code":"account_closed","detail":"It is closed."}},
    {"name":"two","status":"completed","at":"2026-01-01T12:00:00Z","error":null},
    {"name":"three","status":"completed","at":"2026-01-01T12:00:00Z","error":null}]})"));
}

TEST(SagasProjection, TakesALateStepInItsPlace) {
  const Sagas projection;
  std::vector<RecordedEvent> log = {Told(sagas::Started("T", kData, Status::kRunning, std::nullopt, kNow), 1),
                                    Told(sagas::StepCompleted("one", Status::kRunning, kNow), 2),
                                    Told(sagas::StepCompleted("two", Status::kRunning, kNow), 3),
                                    Told(sagas::StepCompleted("three", Status::kCompleted, kNow), 4)};
  log[2].event.occurred_at += 9;
  const std::vector<Json> smooth = test::Project(projection, log, 4).Rows(Sagas::kTable);
  for (std::int64_t late = 1; late <= 4; ++late) {
    test::MemoryReadModel model(projection);
    for (const RecordedEvent& event : log) {
      event.version == late ? model.Skip(event) : model.Apply({event});
    }
    EXPECT_TRUE(model.Retry(late));
    if (late == 1) {
      EXPECT_TRUE(model.Retry(2) && model.Retry(3) && model.Retry(4));
    }
    EXPECT_EQ(model.Rows(Sagas::kTable), smooth) << late;
  }
}

TEST(SagasProjection, HeedsNobodyButSagas) {
  const Sagas projection;
  const DecidedEvent started = sagas::Started("T", kData, Status::kRunning, std::nullopt, kNow);
  const test::MemoryReadModel model = test::Project(projection, {Told(started, 1, Source::kApi)}, 1);
  EXPECT_TRUE(model.Rows(Sagas::kTable).empty());
  EXPECT_TRUE(model.dead_letters().empty());
}

}  // namespace
}  // namespace billhook
