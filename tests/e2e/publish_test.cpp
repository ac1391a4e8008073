// The log at a message broker: the real binary against real brokers (for Kafka, librdkafka's imitation of
// one), which die, hang and come back. What arrives is held against the log itself.
#include <csignal>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/brokers.h"
#include "tests/support/sanitizer.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kPatience{120};

ProcessEnvironment Publishing(const TestDatabase& database, const std::string& url) {
  ProcessEnvironment environment = EnvironmentFor(database);
  environment["PUBLISH_URL"] = url;
  return environment;
}

void Simulate(const ServeProcess& serve, const TestDatabase& database, int events, int seed) {
  const Finished posted = RunBillhook({"simulate", "--url", serve.address(), "--events",
                                       std::to_string(events), "--seed", std::to_string(seed)},
                                      EnvironmentFor(database));
  ASSERT_EQ(posted.status, 0) << posted.err;
}

Json PublisherOf(const ServeProcess& serve) {
  return Get(serve.address(), "/health")["checks"]["publisher"];
}

bool AllIsPublished(const ServeProcess& serve) {
  return Await([&serve] { return PublisherOf(serve)["lag"] == 0; }, kPatience);
}

// A RabbitMQ that is killed may keep a message and lose one before it, of those that it has not confirmed.
enum class Early { kNone, kSomeBeforeTheyComeInOrder };

// Each event of the log stands there, the first time in order, as GET /events shows it.
void ExpectTheLog(const std::vector<Consumed>& consumed, const std::string& address,
                  Early early = Early::kNone) {
  const std::vector<Json> events = AllOf(address, "/api/v1/events");
  std::size_t next = 0;
  for (const Consumed& one : consumed) {
    const auto index = static_cast<std::size_t>(one.position - 1);
    ASSERT_TRUE(index <= next || early != Early::kNone) << "a gap before " << one.position;
    ASSERT_LT(index, events.size());
    EXPECT_EQ(Json::parse(one.document), events[index]);
    if (index == next) ++next;
  }
  EXPECT_EQ(next, events.size());
}

class PublishedLog : public OnEachEngine {};

TEST_P(PublishedLog, StandsInARedisStreamOnceAndInOrderThoughBillhookIsKilled) {
  BILLHOOK_REQUIRE_PROGRAM(RedisServer::kProgram);
  const RedisServer redis;
  const ProcessEnvironment environment = Publishing(database(), redis.url());
  {
    ServeProcess serve(environment);
    Simulate(serve, database(), 900, 1);
    serve.Signal(SIGKILL);
    serve.Wait();
  }
  const ServeProcess serve(environment);
  Simulate(serve, database(), 300, 2);
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();
  const std::vector<Consumed> stream = redis.Read();
  ExpectTheLog(stream, serve.address());
  EXPECT_EQ(stream.size(), AllOf(serve.address(), "/api/v1/events").size()) << "no entry is there twice";
  EXPECT_EQ(redis.ReadAsGroup("billing-consumers").size(), stream.size());
  EXPECT_EQ(serve.Log().find("p@ss"), std::string::npos);
}

TEST_P(PublishedLog, SurvivesABrokerThatIsKilledAndComesBack) {
  BILLHOOK_REQUIRE_PROGRAM(RedisServer::kProgram);
  RedisServer redis;
  const ServeProcess serve(Publishing(database(), redis.url()));
  Simulate(serve, database(), 300, 1);
  redis.Kill();
  Simulate(serve, database(), 300, 2);  // taken all the same
  ASSERT_TRUE(Await([&serve] { return PublisherOf(serve)["status"] == "unavailable"; }, kPatience));
  EXPECT_EQ(Get(serve.address(), "/health")["status"], "ok");
  redis.Start();
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();
  ExpectTheLog(redis.Read(), serve.address());
  EXPECT_EQ(PublisherOf(serve)["status"], "ok");
}

TEST_P(PublishedLog, WaitsInTheDatabaseWhileTheBrokerHangs) {
  BILLHOOK_REQUIRE_PROGRAM(RedisServer::kProgram);
  const RedisServer redis;
  const ServeProcess serve(Publishing(database(), redis.url()));
  redis.Signal(SIGSTOP);
  Simulate(serve, database(), 500, 1);
  AwaitProjections(serve.address());
  EXPECT_EQ(PublisherOf(serve)["lag"], 500);
  redis.Signal(SIGCONT);
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();
  ExpectTheLog(redis.Read(), serve.address());
}

INSTANTIATE_TEST_SUITE_P(Engines, PublishedLog, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST(Publishing, IsDoneByOneOfTwoReplicasAtATime) {
  BILLHOOK_REQUIRE_PROGRAM(RedisServer::kProgram);
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  const RedisServer redis;
  ServeProcess one(Publishing(database, redis.url()));
  const ServeProcess other(Publishing(database, redis.url()));
  Simulate(one, database, 300, 1);
  Simulate(other, database, 300, 2);
  ASSERT_TRUE(AllIsPublished(other));
  one.Signal(SIGKILL);
  one.Wait();
  Simulate(other, database, 300, 3);
  ASSERT_TRUE(AllIsPublished(other)) << other.Log();
  ExpectTheLog(redis.Read(), other.address());
}

TEST(Publishing, RefusesAStreamOfAnotherLog) {
  BILLHOOK_REQUIRE_PROGRAM(RedisServer::kProgram);
  const RedisServer redis;
  redis.Command({"XADD", RedisServer::kStream, "*", "somebody", "else"});
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(Publishing(database, redis.url()));
  Simulate(serve, database, 10, 1);
  const auto told = [&serve] { return serve.Log().find("stream of its own") != std::string::npos; };
  EXPECT_TRUE(Await(told, kPatience)) << serve.Log();
  EXPECT_EQ(PublisherOf(serve)["lag"], 10);
}

TEST(Publishing, GetsEveryEventToRabbitMqThoughItAndBillhookAreKilled) {
  BILLHOOK_REQUIRE_PROGRAM(RabbitServer::kProgram);
  RabbitServer rabbit;
  const TestDatabase database(Engine::kSqliteFile);
  const ProcessEnvironment environment = Publishing(database, rabbit.url());
  {
    ServeProcess serve(environment);
    Simulate(serve, database, 600, 1);
    rabbit.Kill();
    Simulate(serve, database, 100, 2);
    serve.Signal(SIGKILL);
    serve.Wait();
  }
  rabbit.Start();
  const ServeProcess serve(environment);
  Simulate(serve, database, 100, 3);
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();
  ExpectTheLog(rabbit.Drain(), serve.address(), Early::kSomeBeforeTheyComeInOrder);
}

TEST(Publishing, GetsEveryEventToKafkaWithAnAggregatesInOnePartition) {
  if (kUnderThreadSanitizer) GTEST_SKIP() << "it knows no threads of thrd_create, and librdkafka starts such";
  const KafkaCluster kafka;
  const TestDatabase database(Engine::kSqliteFile);
  const ServeProcess serve(Publishing(database, kafka.url()));
  Simulate(serve, database, 300, 1);
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();
  kafka.SetUp(false);
  Simulate(serve, database, 100, 2);
  kafka.SetUp(true);
  ASSERT_TRUE(AllIsPublished(serve)) << serve.Log();

  const std::vector<Json> events = AllOf(serve.address(), "/api/v1/events");
  std::set<std::int64_t> seen;
  std::map<std::string, std::size_t> partition_of;
  const std::vector<std::vector<Consumed>> partitions = kafka.Read();
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    EXPECT_FALSE(partitions[i].empty());
    std::int64_t last = 0;
    for (const Consumed& consumed : partitions[i]) {
      if (!seen.insert(consumed.position).second) continue;
      EXPECT_GT(consumed.position, last) << "the first time in order";
      last = consumed.position;
      const Json document = Json::parse(consumed.document);
      EXPECT_EQ(document, events.at(static_cast<std::size_t>(consumed.position - 1)));
      EXPECT_EQ(partition_of.emplace(document["aggregate_id"], i).first->second, i);
    }
  }
  EXPECT_EQ(seen.size(), events.size());
}

TEST(Publishing, BeginsWithAUrlOrNotAtAll) {
  const TestDatabase database(Engine::kSqliteFile);
  const Finished refused = RunBillhook({"serve"}, Publishing(database, "redis://:hunter2@localhost"));
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("PUBLISH_URL must be"), std::string::npos) << refused.err;
  EXPECT_EQ(refused.err.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace billhook::test
