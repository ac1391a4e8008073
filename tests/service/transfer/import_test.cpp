// A log that leaves one database as text arrives in another as it was.
#include "service/transfer/import.h"

#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "service/storage/log_walk.h"
#include "service/transfer/event_line.h"
#include "tests/support/appends.h"
#include "tests/support/exported_log.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using storage::EventLog;
using transfer::ImportReport;

ImportReport ImportInto(EventLog& log, const std::string& text) {
  std::istringstream in(text);
  return transfer::Import(in, log, [](std::int64_t, std::int64_t) {});
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string TextOf(const std::vector<std::string>& lines, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += lines[i] + "\n";
  return text;
}

AppendRequest WithPayload(const std::string& event_id, const std::string& payload) {
  AppendRequest request = StripeAppend(event_id);
  request[0].event.payload = payload;
  request[0].content = ContentDigest(request[0].event);
  return request;
}

// Texts that no JSON document could hold, or that a writer might change on the way.
const std::vector<std::string> kOddPayloads = {
    R"({"id":"evt_1","a":"\ud802","b":"\udc00\ud800x","c":"\u0000"})",
    R"({"id":"evt_2","n":1e999,"m":123456789012345678901234567890,"z":-0.0,"e":1E+2})",
    "{\r\n\t\"id\" : \"evt_3\" ,\r\n  \"a\":1, \"a\":2 }",
    "{\"id\":\"evt_4\",\"text\":\"\xe2\x80\xa8 \xf0\x9f\x92\xb8 \x7f \xc3\xa9\\/\\u00e9\"}",
};

// A log of 40 events: two tenants, odd payloads, several streams and sources, moments with microseconds.
void Fill(EventLog& log) {
  for (std::size_t i = 0; i < kOddPayloads.size(); ++i)
    AppendOne(log, WithPayload("evt_odd_" + std::to_string(i), kOddPayloads[i]));
  for (int i = 0; i < 30; ++i) {
    const AppendRequest request = StripeAppend("evt_" + std::to_string(i), "cus_" + std::to_string(i % 7),
                                               i % 3 == 0 ? "acme" : "default");
    ASSERT_TRUE(std::holds_alternative<Recorded>(log.AppendBatch({&request}, kNow + i / 2).front()));
  }
  AppendRequest domain;
  for (int i = 0; i < 6; ++i) {
    domain.push_back(DomainAppend("acc_1", i));
    domain.back().event.metadata = R"({"why": "test", "x":[1,  2]})";
    domain.back().event.occurred_at += i;
    domain.back().event.schema_version = 1 + i % 2;
    if (i % 2 == 0) domain.back().event.caused_by = "cmd_" + std::to_string(i);
    domain.back().content = ContentDigest(domain.back().event);
  }
  AppendOne(log, domain);
}

constexpr std::int64_t kFilled = 40;

class ImportConformance : public OnEachEngine {
 protected:
  void SetUp() override {
    OnEachEngine::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    origin_database_ = origin_.Open();
    origin_log_ = std::make_unique<EventLog>(*origin_database_);
    Fill(*origin_log_);
    text_ = ExportOf(*origin_database_);
    lines_ = LinesOf(text_);
    database_ = database().Open();
    log_ = std::make_unique<EventLog>(*database_);
  }

  void ExpectWhole() {
    const storage::ChainReport report = storage::VerifyLog(*database_, [](std::int64_t, std::int64_t) {});
    EXPECT_FALSE(report.first_bad_position) << report.what;
  }

  // The file with line `number` (from 1) put in place of its own.
  std::string WithLine(std::size_t number, const std::string& line) {
    std::vector<std::string> lines = lines_;
    lines[number - 1] = line;
    return TextOf(lines, lines.size());
  }

  void ExpectRefusedAtLine(std::size_t number, const std::string& text) {
    const ImportReport report = ImportInto(*log_, text);
    EXPECT_EQ(report.refusal.rfind("line " + std::to_string(number) + " ", 0), 0U) << report.refusal;
    EXPECT_EQ(report.known + report.imported, static_cast<std::int64_t>(number) - 1);
    EXPECT_EQ(log_->LatestPosition(), static_cast<std::int64_t>(number) - 1);
    ExpectWhole();
  }

  TestDatabase origin_{Engine::kSqliteMemory};
  std::unique_ptr<storage::Database> origin_database_;
  std::unique_ptr<EventLog> origin_log_;
  std::string text_;
  std::vector<std::string> lines_;
  std::unique_ptr<storage::Database> database_;
  std::unique_ptr<EventLog> log_;
};

TEST_P(ImportConformance, BringsEveryFieldOfEveryEventOver) {
  const ImportReport report = ImportInto(*log_, text_);
  EXPECT_EQ(report.refusal, "");
  EXPECT_EQ(report.imported, kFilled);
  ExpectWhole();
  EXPECT_EQ(log_->Head().checksum, origin_log_->Head().checksum);
  EXPECT_EQ(ExportOf(*database_), text_);
  const std::vector<RecordedEvent> events = log_->ReadLog(0, 10);
  for (std::size_t i = 0; i < kOddPayloads.size(); ++i) EXPECT_EQ(events[i].event.payload, kOddPayloads[i]);
}

TEST_P(ImportConformance, LetsTheLogGoOnAsIfItHadNeverMoved) {
  ImportInto(*log_, text_);
  EXPECT_EQ(std::get<Duplicate>(AppendOne(*log_, StripeAppend("evt_1"))).position, 6);
  const auto recorded = std::get<Recorded>(AppendOne(*log_, {DomainAppend("acc_1", 6)}));
  EXPECT_EQ(recorded.positions, std::vector<std::int64_t>{kFilled + 1});
  EXPECT_EQ(recorded.versions, std::vector<std::int64_t>{7});
  ExpectWhole();
}

TEST_P(ImportConformance, GoesOnWhereAnImportOfTheFileBrokeOff) {
  for (const std::size_t lines : {3U, 17U, 39U, 40U}) {
    // The file ends in the middle of a line, as when its writer or reader died.
    const std::string cut = TextOf(lines_, lines) + (lines < 40 ? lines_[lines].substr(0, 100) : "");
    const ImportReport report = ImportInto(*log_, cut);
    EXPECT_EQ(report.refusal.empty(), lines == 40);
    EXPECT_EQ(log_->LatestPosition(), static_cast<std::int64_t>(lines));
    ExpectWhole();
  }
  const ImportReport again = ImportInto(*log_, text_);
  EXPECT_EQ(again.refusal, "");
  EXPECT_EQ(again.known, kFilled);
  EXPECT_EQ(again.imported, 0);
  EXPECT_EQ(ExportOf(*database_), text_);
}

TEST_P(ImportConformance, TakesALastLineThatNothingEnds) {
  EXPECT_EQ(ImportInto(*log_, text_.substr(0, text_.size() - 1)).imported, kFilled);
}

TEST_P(ImportConformance, RefusesAnotherLogThanItsOwn) {
  AppendOne(*log_, StripeAppend("evt_of_another_log"));
  const ImportReport report = ImportInto(*log_, text_);
  EXPECT_NE(report.refusal.find("not the first of this file"), std::string::npos) << report.refusal;
  EXPECT_EQ(log_->LatestPosition(), 1);
}

TEST_P(ImportConformance, RefusesAFileThatIsShorterThanTheLog) {
  ImportInto(*log_, text_);
  const ImportReport report = ImportInto(*log_, TextOf(lines_, 10));
  EXPECT_NE(report.refusal.find("the file only 10"), std::string::npos) << report.refusal;
  EXPECT_EQ(log_->LatestPosition(), kFilled);
}

TEST_P(ImportConformance, RefusesADamagedLineAndAllAfterIt) {
  std::string altered = lines_[16];
  altered.replace(altered.find("customer.updated"), 8, "customar");
  ExpectRefusedAtLine(17, WithLine(17, altered));
  std::string later = lines_[17];
  later.replace(later.find("\"recorded_at\":\"2026"), 19, "\"recorded_at\":\"2027");
  ExpectRefusedAtLine(18, WithLine(18, later));
  ExpectRefusedAtLine(19, WithLine(19, "no JSON"));
  ExpectRefusedAtLine(20, WithLine(20, ""));
  ExpectRefusedAtLine(21, WithLine(21, lines_[20].substr(0, lines_[20].size() - 1)));
  ExpectRefusedAtLine(22, WithLine(22, lines_[22]));  // one is missing
  ExpectRefusedAtLine(23, WithLine(23, lines_[0]));   // one stands twice
  ExpectRefusedAtLine(24, WithLine(24, "{\"id\":1," + lines_[23].substr(1)));
  ExpectRefusedAtLine(25, WithLine(25, "{\"more\":1," + lines_[24].substr(1)));
}

TEST_P(ImportConformance, RefusesADamagedLineAmongThoseThatTheLogHasAlready) {
  ImportInto(*log_, TextOf(lines_, 30));
  std::string altered = lines_[4];
  altered.replace(altered.find("\"b\\\""), 2, "\"c");
  const ImportReport report = ImportInto(*log_, WithLine(5, altered));
  EXPECT_EQ(report.refusal.rfind("line 5 ", 0), 0U) << report.refusal;
  EXPECT_EQ(log_->LatestPosition(), 30);
}

TEST_P(ImportConformance, RefusesAChainOfEventsThatNoLogCouldHold) {
  // Each line fits the one before; what they tell cannot be.
  const auto chained = [](RecordedEvent event) {
    event.checksum = ChainDigest(kGenesis, event);
    return transfer::EventLine(event);
  };
  const RecordedEvent first = *transfer::ReadEventLine(lines_[0]);
  RecordedEvent gap = first;
  gap.version = 2;
  ExpectRefusedAtLine(1, chained(gap));
  ImportInto(*log_, lines_[0]);
  const auto second = [&](RecordedEvent event) {
    event.position = 2;
    event.version = 2;
    event.checksum = ChainDigest(first.checksum, event);
    return lines_[0] + "\n" + transfer::EventLine(event);
  };
  ExpectRefusedAtLine(2, second(first));
  RecordedEvent earlier = first;
  earlier.event.caused_by = "evt_other";
  earlier.recorded_at -= 1;
  const ImportReport report = ImportInto(*log_, second(earlier));
  EXPECT_NE(report.refusal.find("recorded before"), std::string::npos) << report.refusal;
}

INSTANTIATE_TEST_SUITE_P(Engines, ImportConformance,
                         ::testing::Values(Engine::kSqliteMemory, Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST(EventLine, ComesBackAsTheEventThatItWas) {
  TestDatabase database(Engine::kSqliteMemory);
  const auto opened = database.Open();
  EventLog log(*opened);
  Fill(log);
  for (const RecordedEvent& event : log.ReadLog(0, 100)) {
    const Result<RecordedEvent, std::string> read = transfer::ReadEventLine(transfer::EventLine(event));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(ContentDigest(read->event), ContentDigest(event.event));
    EXPECT_EQ(read->checksum, event.checksum);
    EXPECT_EQ(read->recorded_at, event.recorded_at);
  }
}

TEST(EventLine, IsOneLineOfJsonWithThePayloadAsAString) {
  RecordedEvent event;
  event.event = StripeAppend("evt_1")[0].event;
  event.event.payload = "{\n\"a\":1}";
  event.event.metadata = "{\n}";
  event.position = event.version = 1;
  const std::string line = transfer::EventLine(event);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const nlohmann::json read = nlohmann::json::parse(line);
  EXPECT_EQ(read["payload"], event.event.payload);
  EXPECT_EQ(read["metadata"], event.event.metadata);
  EXPECT_EQ(transfer::ReadEventLine(line)->event.metadata, event.event.metadata);
}

// Its checksum may fit all the same: whoever wrote the file could compute it.
TEST(EventLine, TellsNoEventThatCouldNotHaveBeenRecorded) {
  RecordedEvent whole;
  whole.event = StripeAppend("evt_1")[0].event;
  whole.position = whole.version = 1;
  ASSERT_TRUE(transfer::ReadEventLine(transfer::EventLine(whole)));
  const auto refused = [&whole](std::string Event::*member, const std::string& text) {
    RecordedEvent forged = whole;
    forged.event.*member = text;
    forged.checksum = ChainDigest(kGenesis, forged);
    const Result<RecordedEvent, std::string> read = transfer::ReadEventLine(transfer::EventLine(forged));
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().find("xyzzy"), std::string::npos) << read.error();
  };
  for (const char* text : {"", "xyzzy\x1f", "xyzzy\n", "xyzzy\x7f", "xyzzy\xc2\x85"}) {
    for (std::string Event::*member :
         {&Event::id, &Event::tenant, &Event::aggregate_type, &Event::aggregate_id, &Event::event_type})
      refused(member, text);
  }
  refused(&Event::tenant, "Xyzzy");
  refused(&Event::aggregate_id, std::string(256, 'a'));
  for (const char* text : {"xyzzy", "", "[]", "1", "{", "{}}", "{},\"tenant\":\"xyzzy\"", "{\"a\":\"\n\"}"})
    refused(&Event::payload, text);
  for (const char* text : {"[]", "1", "null", "\"{\""}) refused(&Event::metadata, text);
  RecordedEvent forged = whole;
  forged.event.caused_by =
      "evt\x1f"
      "1";
  EXPECT_FALSE(transfer::ReadEventLine(transfer::EventLine(forged)));
}

// Any one byte changed, taken out or put in: the line reads as the same event, or not at all, or its checksum
// tells.
RC_GTEST_PROP(EventLine, TellsADamagedByte, (unsigned char byte)) {
  TestDatabase database(Engine::kSqliteMemory);
  const auto opened = database.Open();
  EventLog log(*opened);
  AppendOne(log, StripeAppend("evt_1"));
  const RecordedEvent event = log.ReadLog(0, 1).front();
  const std::string line = transfer::EventLine(event);
  const auto at = *rc::gen::inRange<std::size_t>(0, line.size());
  std::string damaged = line;
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      damaged[at] = static_cast<char>(byte);
      break;
    case 1:
      damaged.erase(at, 1);
      break;
    default:
      damaged.insert(at, 1, static_cast<char>(byte));
  }
  const Result<RecordedEvent, std::string> read = transfer::ReadEventLine(damaged);
  if (!read) return;
  const bool right = read->checksum == ChainDigest(kGenesis, *read);
  RC_ASSERT(!right || transfer::EventLine(*read) == line);
}

}  // namespace
}  // namespace billhook::test
