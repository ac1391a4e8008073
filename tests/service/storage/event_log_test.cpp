// The conformance suite of the log: what every engine must do alike.
#include "service/storage/event_log.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "domain/json.h"
#include "service/storage/log_walk.h"
#include "tests/support/appends.h"
#include "tests/support/counting_database.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::ChainReport;
using storage::EventLog;

class EventLogConformance : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    database_ = database().Open();
    log_ = std::make_unique<EventLog>(*database_);
  }

  ChainReport Verify() {
    return storage::VerifyLog(*database_, [](std::int64_t, std::int64_t) {});
  }

  // Statements that only somebody who breaks into the database would run.
  void Tamper(const std::string& sql) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kAppend);
    if (database_->engine() == "postgresql") {
      session->ExecuteScript("ALTER TABLE events DISABLE TRIGGER USER");
    } else {
      session->ExecuteScript(
          "DROP TRIGGER IF EXISTS events_no_update; DROP TRIGGER IF EXISTS events_no_delete; "
          "DROP TRIGGER IF EXISTS events_no_replace");
    }
    session->ExecuteScript(sql);
  }

  void AppendEvents(int count) {
    for (int i = 1; i <= count; ++i) AppendOne(*log_, StripeAppend("evt_" + std::to_string(i)));
  }

  void AppendTogether(std::size_t count) {
    std::vector<AppendRequest> requests;
    for (std::size_t i = 0; i < count; ++i) requests.push_back(StripeAppend("evt_" + std::to_string(i)));
    std::vector<const AppendRequest*> pointers;
    for (const AppendRequest& request : requests) pointers.push_back(&request);
    log_->AppendBatch(pointers, kNow);
  }

  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<EventLog> log_;
};

TEST_P(EventLogConformance, ReturnsAnEventAsItWasRecordedByteForByte) {
  const AppendRequest request = StripeAppend("evt_1");
  AppendOne(*log_, request);
  const std::vector<RecordedEvent> events = log_->ReadLog(0, 10);
  ASSERT_EQ(events.size(), 1U);
  const Event& read = events[0].event;
  const Event& written = request[0].event;
  EXPECT_EQ(read.payload, written.payload);
  EXPECT_EQ(read.id, written.id);
  EXPECT_EQ(read.tenant, written.tenant);
  EXPECT_EQ(read.aggregate_type, written.aggregate_type);
  EXPECT_EQ(read.aggregate_id, written.aggregate_id);
  EXPECT_EQ(read.event_type, written.event_type);
  EXPECT_EQ(read.source, written.source);
  EXPECT_EQ(read.metadata, written.metadata);
  EXPECT_EQ(read.caused_by, written.caused_by);
  EXPECT_EQ(read.occurred_at, written.occurred_at);
  EXPECT_EQ(events[0].recorded_at, kNow);
  EXPECT_EQ(events[0].position, 1);
  EXPECT_EQ(events[0].version, 1);
  EXPECT_EQ(events[0].checksum, ChainDigest(kGenesis, events[0]));
}

TEST_P(EventLogConformance, AnswersADuplicateWithThePositionOfTheFirst) {
  AppendOne(*log_, StripeAppend("evt_1"));
  AppendOne(*log_, StripeAppend("evt_2"));
  EXPECT_EQ(std::get<Duplicate>(AppendOne(*log_, StripeAppend("evt_1"))).position, 1);
  EXPECT_EQ(log_->LatestPosition(), 2);
}

TEST_P(EventLogConformance, RecordsOnceWhatStandsTwiceInOneBatch) {
  const AppendRequest first = StripeAppend("evt_1");
  const AppendRequest again = StripeAppend("evt_1");
  const AppendRequest other = StripeAppend("evt_2");
  const std::vector<AppendOutcome> outcomes = log_->AppendBatch({&first, &again, &other}, kNow);
  EXPECT_EQ(std::get<Recorded>(outcomes[0]).positions, std::vector<std::int64_t>{1});
  EXPECT_EQ(std::get<Duplicate>(outcomes[1]).position, 1);
  EXPECT_EQ(std::get<Recorded>(outcomes[2]).positions, std::vector<std::int64_t>{2});
}

TEST_P(EventLogConformance, TakesTheSameStripeIdOfAnotherTenantForAnotherEvent) {
  AppendOne(*log_, StripeAppend("evt_1", "cus_1", "default"));
  const AppendOutcome outcome = AppendOne(*log_, StripeAppend("evt_1", "cus_1", "other"));
  EXPECT_EQ(std::get<Recorded>(outcome).versions, std::vector<std::int64_t>{1})
      << "streams of two tenants are two streams";
}

TEST_P(EventLogConformance, CountsVersionsWithinAStreamAndPositionsOverAll) {
  const AppendRequest a1 = StripeAppend("evt_1", "cus_a");
  const AppendRequest b1 = StripeAppend("evt_2", "cus_b");
  const AppendRequest a2 = StripeAppend("evt_3", "cus_a");
  log_->AppendBatch({&a1, &b1, &a2}, kNow);
  const AppendOutcome a3 = AppendOne(*log_, StripeAppend("evt_4", "cus_a"));
  EXPECT_EQ(std::get<Recorded>(a3).versions.front(), 3);
  EXPECT_EQ(std::get<Recorded>(a3).positions.front(), 4);
}

TEST_P(EventLogConformance, RefusesAWrongExpectedVersionAndLeavesTheRestOfTheBatchAlone) {
  const AppendRequest first = {DomainAppend("acc_1", 0)};
  const AppendRequest wrong = {DomainAppend("acc_1", 0)};
  const AppendRequest next = {DomainAppend("acc_1", 1)};
  const std::vector<AppendOutcome> outcomes = log_->AppendBatch({&first, &wrong, &next}, kNow);
  EXPECT_TRUE(std::holds_alternative<Recorded>(outcomes[0]));
  EXPECT_EQ(std::get<VersionConflict>(outcomes[1]).actual_version, 1);
  EXPECT_EQ(std::get<Recorded>(outcomes[2]).versions.front(), 2);
}

TEST_P(EventLogConformance, AppendsAllEventsOfARequestOrNone) {
  const AppendRequest request = {DomainAppend("acc_1", 0), DomainAppend("acc_2", 5)};
  EXPECT_TRUE(std::holds_alternative<VersionConflict>(AppendOne(*log_, request)));
  EXPECT_EQ(log_->LatestPosition(), 0);
  const AppendRequest good = {DomainAppend("acc_1", 0), DomainAppend("acc_1", 1)};
  EXPECT_EQ(std::get<Recorded>(AppendOne(*log_, good)).versions, (std::vector<std::int64_t>{1, 2}));
}

TEST_P(EventLogConformance, LetsExactlyOneOfManyWritersWinEachVersion) {
  constexpr int kWriters = 32;
  constexpr int kWins = 4;
  std::atomic<int> conflicts{0};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&] {
      std::int64_t expected = 0;
      for (int wins = 0; wins < kWins;) {
        const AppendOutcome outcome = AppendOne(*log_, {DomainAppend("acc_1", expected)});
        if (const auto* conflict = std::get_if<VersionConflict>(&outcome)) {
          ++conflicts;
          expected = conflict->actual_version;
        } else {
          expected = std::get<Recorded>(outcome).versions.back();
          ++wins;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::vector<RecordedEvent> events = log_->ReadLog(0, 1'000);
  ASSERT_EQ(events.size(), std::size_t{kWriters} * kWins);
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].position, static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(events[i].version, static_cast<std::int64_t>(i) + 1);
  }
  EXPECT_GT(conflicts, 0) << "the writers never met, so this test showed nothing";
}

TEST_P(EventLogConformance, GivesAReaderPositionsInCommitOrder) {
  constexpr int kWriters = 4;
  constexpr int kEach = 50;
  std::atomic<int> running{kWriters};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kEach; ++i) {
        AppendOne(*log_, StripeAppend("evt_" + std::to_string(writer) + "_" + std::to_string(i),
                                      "cus_" + std::to_string(i)));
      }
      --running;
    });
  }
  std::int64_t seen = 0;
  while (seen < std::int64_t{kWriters} * kEach) {
    const bool last_look = running == 0;
    for (const RecordedEvent& event : log_->ReadLog(seen, 7))
      ASSERT_EQ(event.position, ++seen) << "an event came in behind us";
    if (last_look && log_->ReadLog(seen, 1).empty()) break;
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(seen, std::int64_t{kWriters} * kEach);
  EXPECT_FALSE(Verify().first_bad_position.has_value());
}

TEST_P(EventLogConformance, RefusesToChangeOrRemoveWhatIsRecorded) {
  AppendEvents(3);
  const bool postgres = database_->engine() == "postgresql";
  std::vector<std::string> attempts = {"UPDATE events SET payload = '{}' WHERE position = 2",
                                       "DELETE FROM events WHERE position = 3", "DELETE FROM events",
                                       "DELETE FROM log_head"};
  const std::string columns =
      "(position, id, tenant, aggregate_type, aggregate_id, version, event_type, source, schema_version, "
      "metadata, caused_by, "
      "occurred_at, recorded_at, checksum, payload_bytes, payload)";
  const std::string rest = ", 'customer.updated', 'stripe', 1, '{}', ";
  const std::string end = ", 0, 0, 'x', 2, '{}')";
  if (postgres) {
    attempts.emplace_back("TRUNCATE events");
    attempts.emplace_back("INSERT INTO events " + columns +
                          " VALUES (2, 'x', 'default', 'customer', 'cus_9', 1" + rest + "'evt_9'" + end +
                          " ON CONFLICT (position) DO UPDATE SET payload = '{}'");
  } else {
    for (const char* row :
         {"(2, 'x', 'default', 'customer', 'cus_9', 1", "(4, 'x', 'default', 'customer', 'cus_1', 2"}) {
      attempts.emplace_back("INSERT OR REPLACE INTO events " + columns + " VALUES " + row + rest + "'evt_9'" +
                            end);
    }
    attempts.emplace_back("INSERT OR REPLACE INTO events " + columns +
                          " VALUES (4, 'x', 'default', 'customer', 'cus_9', 1" + rest + "'evt_2'" + end);
    attempts.emplace_back("INSERT INTO events " + columns +
                          " VALUES (9, 'x', 'default', 'customer', 'cus_9', 1" + rest + "'evt_9'" + end);
  }
  for (const std::string& attempt : attempts) {
    storage::Database::Lease session = database_->Acquire(storage::Purpose::kAppend);
    EXPECT_THROW(session->ExecuteScript(attempt), StorageError) << attempt;
  }
  const ChainReport report = Verify();
  EXPECT_FALSE(report.first_bad_position.has_value()) << report.what;
  EXPECT_EQ(report.events, 3);
}

TEST_P(EventLogConformance, VerifiesAWholeLog) {
  EXPECT_FALSE(Verify().first_bad_position.has_value()) << "an empty log is whole";
  AppendEvents(5);
  const ChainReport report = Verify();
  EXPECT_FALSE(report.first_bad_position.has_value());
  EXPECT_EQ(report.events, 5);
}

TEST_P(EventLogConformance, FindsTheFirstPositionThatWasTamperedWith) {
  AppendEvents(6);
  const std::vector<std::string> columns = {"payload = '{}'",     "event_type = 'x'",   "tenant = 'x'",
                                            "aggregate_id = 'x'", "caused_by = 'x'",    "occurred_at = 1",
                                            "recorded_at = 1",    "metadata = '[]'",    "source = 'api'",
                                            "id = 'x'",           "schema_version = 9", "payload_bytes = 1"};
  // From the back, so that each change is the first bad one.
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string position = i < 6 ? std::to_string(6 - i) : "1";
    Tamper("UPDATE events SET " + columns[i] + " WHERE position = " + position);
    EXPECT_EQ(Verify().first_bad_position, std::stoll(position)) << columns[i];
  }
}

TEST_P(EventLogConformance, ProvesContentsInTheDatabaseAsOutsideOfIt) {
  const std::string odd = R"(\x41 \101 "'$1%s)"
                          "\n\t\x7f \u00e9\u20ac\U0001f4b6";
  AppendRequest request;
  for (int i = 0; i < 4; ++i) {
    request.push_back(DomainAppend("acc_1", i));
    Event& event = request.back().event;
    event.payload = Json{{"text", odd}}.dump() + std::string(static_cast<std::size_t>(i) * 5'000, ' ');
    event.metadata = Json{{odd, i}}.dump();
    if (i % 2 == 1) event.caused_by = i == 1 ? "" : odd;
    event.occurred_at += i;
    event.schema_version = 1 + i * 1'000;
    event.source = i == 3 ? Source::kSaga : event.source;
    request.back().content = ContentDigest(event);
  }
  AppendOne(*log_, request);
  AppendOne(*log_, StripeAppend("evt_1"));

  storage::Database::Lease session = database_->Acquire(storage::Purpose::kRead);
  const storage::Rows digests =
      session->Query("SELECT " + session->ContentDigestSql() + " FROM events ORDER BY position");
  const std::vector<RecordedEvent> events = storage::ReadLog(*session, 0, 10);
  ASSERT_EQ(events.size(), 5U);
  ASSERT_EQ(digests.size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i)
    EXPECT_EQ(digests.Text(i, 0), ToHex(ContentDigest(events[i].event))) << i;
}

TEST_P(EventLogConformance, ProvesNoRowThatBillhookNeverWrites) {
  AppendEvents(3);
  const bool postgres = database_->engine() == "postgresql";
  Tamper(std::string(postgres ? "ALTER TABLE events DROP CONSTRAINT events_source_check"
                              : "PRAGMA ignore_check_constraints = ON") +
         "; UPDATE events SET source = 'x' WHERE position = 3");
  EXPECT_EQ(Verify().what, "the event at position 3 holds what billhook never writes");
  Tamper("UPDATE events SET schema_version = -1 WHERE position = 2");
  EXPECT_EQ(Verify().what, "the event at position 2 holds what billhook never writes");
  Tamper("UPDATE events SET payload_bytes = payload_bytes + 1 WHERE position = 1");
  EXPECT_EQ(Verify().what, "the event at position 1 holds what billhook never writes");
}

TEST_P(EventLogConformance, TellsOfNoEventThatIsNotProven) {
  AppendEvents(6);
  Tamper("UPDATE events SET occurred_at = -1 WHERE position = 4");
  std::mutex mutex;
  std::set<std::int64_t> told;
  std::vector<std::string> taken;
  const ChainReport report = storage::WalkLog(
      *database_,
      [&](const RecordedEvent& event) {
        const std::lock_guard lock(mutex);
        told.insert(event.position);
        return std::to_string(event.position);
      },
      [&](const std::string& text) { taken.push_back(text); }, [](std::int64_t, std::int64_t) {});
  EXPECT_EQ(report.first_bad_position, 4);
  EXPECT_EQ(taken, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(told.count(4), 0U);
}

TEST_P(EventLogConformance, WalksALongLogInOrder) {
  constexpr std::int64_t kEvents = 4'203;  // several parts, whether they are told of or not
  AppendTogether(kEvents);
  std::int64_t taken = 0;
  const auto tell = [](const RecordedEvent& event) { return std::to_string(event.position); };
  const auto take = [&taken](const std::string& text) { EXPECT_EQ(text, std::to_string(++taken)); };
  EXPECT_EQ(storage::WalkLog(*database_, tell, take, [](std::int64_t, std::int64_t) {}).events, kEvents);
  EXPECT_EQ(taken, kEvents);
  EXPECT_EQ(Verify().events, kEvents);
  for (const std::int64_t position : {4'001, 3'456, 2'000}) {
    Tamper("UPDATE events SET payload = '{}' WHERE position = " + std::to_string(position));
    EXPECT_EQ(Verify().first_bad_position, position);
  }
}

TEST_P(EventLogConformance, ReadsLittleAgainToFindARowThatCannotBeRead) {
  constexpr std::size_t kEvents = 1'500;
  AppendTogether(kEvents);
  Tamper("UPDATE events SET schema_version = -1 WHERE position = 1234");
  CountingDatabase counting(*database_);
  const auto progress = [](std::int64_t, std::int64_t) {};
  EXPECT_EQ(storage::VerifyLog(counting, progress).first_bad_position, 1'234);
  EXPECT_LT(counting.TakeRowsRead(), 2 * kEvents);
  std::int64_t taken = 0;
  const auto take = [&taken](const std::string&) { ++taken; };
  const auto tell = [](const RecordedEvent&) { return ""; };
  EXPECT_EQ(storage::WalkLog(counting, tell, take, progress).first_bad_position, 1'234);
  EXPECT_LT(counting.TakeRowsRead(), 2 * kEvents);
  EXPECT_EQ(taken, 1'233);
}

TEST_P(EventLogConformance, FindsARemovedEvent) {
  AppendEvents(5);
  Tamper("DELETE FROM events WHERE position = 3");
  EXPECT_EQ(Verify().first_bad_position, 3);
}

TEST_P(EventLogConformance, FindsACutOffTail) {
  AppendEvents(5);
  Tamper("DELETE FROM events WHERE position >= 4");
  EXPECT_EQ(Verify().first_bad_position, 4);
}

TEST_P(EventLogConformance, FindsReorderedEvents) {
  AppendEvents(5);
  Tamper(
      "UPDATE events SET position = 99 WHERE position = 2; UPDATE events SET position = 2 WHERE position = "
      "3; "
      "UPDATE events SET position = 3 WHERE position = 99");
  EXPECT_EQ(Verify().first_bad_position, 2);
}

TEST_P(EventLogConformance, FindsAHeadThatWasSetBack) {
  AppendEvents(3);
  const std::string checksum = ToHex(log_->ReadLog(1, 1).front().checksum);
  Tamper(
      "UPDATE events SET payload = '{}' WHERE position = 3; UPDATE log_head SET position = 2, checksum = '" +
      checksum + "'");
  EXPECT_EQ(Verify().first_bad_position, 3);
}

TEST_P(EventLogConformance, ReadsNoMoreThanItsLimitOfBytesAtATime) {
  for (int i = 0; i < 4; ++i) {
    AppendRequest request = StripeAppend("evt_" + std::to_string(i));
    request[0].event.payload = "\"" + std::string(3 << 20, 'x') + "\"";
    request[0].content = ContentDigest(request[0].event);
    AppendOne(*log_, request);
  }
  EXPECT_EQ(log_->ReadLog(0, 100).size(), 2U);
  EXPECT_EQ(log_->ReadLog(2, 100).size(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Engines, EventLogConformance,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace billhook::test
