// The log in partitions (deploy/partition_log.sql): the service notices nothing, and a partition that was
// detached is still proven together with the rest.
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>

#include <gtest/gtest.h>

#include "domain/event_store.h"
#include "tests/chaos/load.h"
#include "tests/chaos/verdict.h"
#include "tests/support/billhook_process.h"
#include "tests/support/paths.h"
#include "tests/support/postgres_server.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

std::string PartitionScript() {
  std::ifstream file(SourceDirectory() + "/deploy/partition_log.sql");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Partitions, OfTheLogAreInvisibleAndProvenEvenDetached) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const PostgresServer server;
  auto serve = std::make_unique<ServeProcess>(EnvironmentFor(server.url()));
  const std::string address = serve->address();
  Load load({address}, {.events = 2'000});
  load.AwaitProgress(800);
  serve->Signal(SIGTERM);
  EXPECT_EQ(serve->Wait(), 0);

  server.Execute(PartitionScript());
  const std::int64_t head = server.Query("SELECT position FROM log_head").Int(0, 0);
  for (int i = 1; i <= 4; ++i)
    server.Execute("SELECT billhook_add_log_partition(" + std::to_string(head + 1 + 300 * i) + ")");
  ProcessEnvironment environment = EnvironmentFor(server.url());
  environment["PORT"] = address.substr(address.rfind(':') + 1);
  const auto restarted = Load::Clock::now();
  serve = std::make_unique<ServeProcess>(environment);
  ASSERT_TRUE(load.Finish());
  EXPECT_EQ(server.Query("SELECT count(*) FROM events_beyond").Int(0, 0),
            std::max<std::int64_t>(0, 2'000 - (head + 1'200)));
  for (const char* change :
       {"DELETE FROM events WHERE position = 1", "DELETE FROM events_from_1 WHERE position = 1",
        "UPDATE events SET payload = '' WHERE position = 1", "UPDATE events_from_1 SET payload = ''",
        "TRUNCATE events", "TRUNCATE events_from_1", "TRUNCATE events_beyond"}) {
    EXPECT_THROW(server.Execute(change), StorageError) << change;
  }
  ExpectNothingLost("log split into six partitions between two runs", 1, address, server.url(), load,
                    load.TimeToNextAnswer(restarted));
  const Facts facts = FactsOf(address);
  EXPECT_EQ(RunBillhook({"rebuild", "--all"}, environment).status, 0);
  EXPECT_TRUE(FactsOf(address) == facts);
  serve->Signal(SIGTERM);
  EXPECT_EQ(serve->Wait(), 0);

  server.Execute("ALTER TABLE events DETACH PARTITION events_from_1");
  const Finished partial = RunBillhook({"verify"}, EnvironmentFor(server.url()));
  EXPECT_EQ(partial.status, 1);
  EXPECT_NE(partial.err.find("position 1"), std::string::npos) << partial.err;
  server.Execute(
      "CREATE SCHEMA whole_log; CREATE VIEW whole_log.events AS "
      "SELECT * FROM public.events UNION ALL SELECT * FROM public.events_from_1");
  ExpectWholeLog(server.url() + "?options=-csearch_path%3Dwhole_log%2Cpublic");
}

TEST(Partitions, CanBeMadeOfAnEmptyLogAndOfWhatLiesBeyondThem) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const PostgresServer server;
  ASSERT_EQ(RunBillhook({"migrate"}, EnvironmentFor(server.url())).status, 0);
  server.Execute(PartitionScript());
  server.Execute("SELECT billhook_add_log_partition(101)");
  {
    const ServeProcess serve(EnvironmentFor(server.url()));
    Load load({serve.address()}, {.events = 200});
    ASSERT_TRUE(load.Finish());
  }
  const auto count = [&server](const std::string& partition) {
    return server.Query("SELECT count(*) FROM " + partition).Int(0, 0);
  };
  EXPECT_EQ(count("events_from_1"), 1);
  EXPECT_EQ(count("events_from_2"), 99);
  const std::int64_t beyond = count("events_beyond");
  EXPECT_GE(beyond, 100);

  // As docs/scaling.md says.
  server.Execute(
      "BEGIN; ALTER TABLE events DETACH PARTITION events_beyond; "
      "ALTER TABLE events_beyond RENAME TO events_moving; SELECT billhook_add_log_partition(1001); "
      "INSERT INTO events SELECT * FROM events_moving; DROP TABLE events_moving; "
      "SELECT billhook_make_log_partition('events_beyond', 'DEFAULT'); COMMIT");
  EXPECT_EQ(count("events_from_101"), beyond);
  EXPECT_EQ(count("events_beyond"), 0);
  for (const char* change : {"DELETE FROM events_from_101", "TRUNCATE events_from_101"})
    EXPECT_THROW(server.Execute(change), StorageError) << change;
  ExpectWholeLog(server.url());
}

}  // namespace
}  // namespace billhook::test
