// The main job with the real binary, on both engines: a signed history goes in, billing facts come out, and
// nothing is lost or doubled when the process dies in the middle.
#include <atomic>
#include <csignal>
#include <fstream>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "service/http/client.h"
#include "service/simulate/history.h"
#include "tests/support/billhook_process.h"
#include "tests/support/served_facts.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

class MainJob : public OnEachEngine {};

TEST_P(MainJob, TurnsAShuffledHistoryWithDuplicatesIntoTheTruth) {
  constexpr int kEvents = 3'000;
  ServeProcess serve(EnvironmentFor(database()));
  const Finished posted =
      RunBillhook({"simulate", "--url", serve.address(), "--events", std::to_string(kEvents), "--seed", "7",
                   "--shuffle", "--duplicates", "10", "--connections", "16"},
                  EnvironmentFor(database()));
  ASSERT_EQ(posted.status, 0) << posted.out << posted.err;
  const Facts facts = FactsOf(serve.address());
  simulate::History history({.seed = 7, .events = kEvents});
  while (history.Next()) {
  }
  ExpectTruth(facts, history.truth());
  EXPECT_EQ(Get(serve.address(), "/api/v1/statistics")["total_events"], kEvents);
  EXPECT_EQ(AllOf(serve.address(), "/api/v1/dead-letters").size(), 0U);
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
  ExpectWholeLog(database());
}

TEST_P(MainJob, LosesAndDoublesNothingWhenItIsKilledInTheMiddleOfAStream) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr std::uint64_t kEvents = 2'500;
  simulate::Truth truth;
  const std::vector<std::string> bodies =
      simulate::GenerateHistory({.seed = seed, .events = kEvents}, &truth);
  std::vector<std::size_t> order(bodies.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937_64 dice(seed);
  std::shuffle(order.begin(), order.end(), dice);

  std::map<std::string, std::int64_t> acknowledged;  // event ID to position
  std::vector<bool> answered(bodies.size(), false);
  std::mutex mutex;
  int kills = 0;
  for (bool all = false; !all;) {
    ServeProcess serve(EnvironmentFor(database()));
    const std::size_t kill_after = kills < 3 ? 200 + dice() % 500 : bodies.size() + 1;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> answers{0};
    std::vector<std::thread> posters;
    for (int poster = 0; poster < 8; ++poster) {
      posters.emplace_back([&] {
        http::Client client(serve.address());
        for (std::size_t i = next++; i < order.size(); i = next++) {
          {
            const std::lock_guard lock(mutex);
            if (answered[order[i]]) continue;
          }
          const std::optional<http::Response> response = PostEvent(client, bodies[order[i]]);
          if (!response || response->status != 200) {
            if (!response) return;  // killed
            continue;
          }
          const Json answer = Json::parse(response->body);
          {
            const std::lock_guard lock(mutex);
            answered[order[i]] = true;
            acknowledged[answer["event_id"]] = answer["position"];
          }
          if (++answers == kill_after) serve.Signal(SIGKILL);
        }
      });
    }
    for (std::thread& poster : posters) poster.join();
    if (answers >= kill_after) {
      EXPECT_EQ(serve.Wait(), 128 + SIGKILL);
      ++kills;
    }
    all = std::all_of(answered.begin(), answered.end(), [](bool one) { return one; });
    if (!all) continue;

    std::map<std::string, std::int64_t> recorded;
    std::int64_t position = 0;
    for (const Json& event : AllOf(serve.address(), "/api/v1/events")) {
      EXPECT_EQ(event["position"], ++position) << "positions have no gaps";
      EXPECT_TRUE(recorded.emplace(event["caused_by"], event["position"]).second)
          << event["caused_by"] << " is there twice";
    }
    EXPECT_EQ(recorded, acknowledged) << "each answered event is there once, where the answer said";
    ExpectTruth(FactsOf(serve.address()), truth);
    serve.Signal(SIGTERM);
    EXPECT_EQ(serve.Wait(), 0);
  }
  EXPECT_EQ(kills, 3);
  ExpectWholeLog(database());

  // A clean run in the original order ends in the same read models, field for field.
  const TestDatabase clean(GetParam());
  ServeProcess first(EnvironmentFor(database()));
  ServeProcess second(EnvironmentFor(clean));
  http::Client client(second.address());
  for (const std::string& body : bodies) ASSERT_EQ(PostEvent(client, body)->status, 200);
  EXPECT_TRUE(FactsOf(first.address()) == FactsOf(second.address()));
}

TEST_P(MainJob, EndsInTheSameReadModelsAfterARebuild) {
  std::optional<ServeProcess> serve(std::in_place, EnvironmentFor(database()));
  ASSERT_EQ(
      RunBillhook({"simulate", "--url", serve->address(), "--events", "1500", "--seed", "3", "--shuffle"},
                  EnvironmentFor(database()))
          .status,
      0);
  const Facts before = FactsOf(serve->address());
  serve->Signal(SIGTERM);
  ASSERT_EQ(serve->Wait(), 0);
  const Finished rebuilt = RunBillhook({"rebuild", "--all"}, EnvironmentFor(database()));
  EXPECT_EQ(rebuilt.status, 0) << rebuilt.err;
  serve.emplace(EnvironmentFor(database()));
  EXPECT_TRUE(FactsOf(serve->address()) == before);
}

INSTANTIATE_TEST_SUITE_P(Engines, MainJob, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST(TwoProcesses, InterleaveOnOnePostgres) {
  const TestDatabase database(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(database);
  constexpr std::uint64_t kEvents = 2'000;
  ServeProcess one(EnvironmentFor(database));
  ServeProcess two(EnvironmentFor(database));
  simulate::Truth truth;
  const std::vector<std::string> bodies = simulate::GenerateHistory({.seed = 11, .events = kEvents}, &truth);
  std::vector<std::thread> posters;
  std::atomic<int> firsts{0};
  // Every event goes to both processes at about the same time.
  for (const std::string& address : {one.address(), two.address()}) {
    for (std::size_t part = 0; part < 8; ++part) {
      posters.emplace_back([&, address, part] {
        http::Client client(address);
        for (std::size_t i = part; i < bodies.size(); i += 8) {
          const std::optional<http::Response> response = PostEvent(client, bodies[i]);
          ASSERT_TRUE(response && response->status == 200) << (response ? response->body : client.error());
          if (!Json::parse(response->body)["duplicate"]) ++firsts;
        }
      });
    }
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(firsts, static_cast<int>(kEvents));
  std::int64_t position = 0;
  for (const Json& event : AllOf(one.address(), "/api/v1/events")) EXPECT_EQ(event["position"], ++position);
  EXPECT_EQ(position, static_cast<std::int64_t>(kEvents));
  const Facts facts = FactsOf(one.address());
  ExpectTruth(facts, truth);
  EXPECT_TRUE(facts == FactsOf(two.address()));
  ExpectWholeLog(database);
}

TEST(Serve, AnswersOneThatWaitsForAStopAndExitsCleanly) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(database));
  std::atomic<int> wrong{0};
  std::atomic<int> answered{0};
  const std::vector<std::string> bodies = simulate::GenerateHistory({.seed = 5, .events = 3'000});
  std::vector<std::thread> posters;
  for (std::size_t part = 0; part < 4; ++part) {
    posters.emplace_back([&, part] {
      http::Client client(serve.address());
      for (std::size_t i = part; i < bodies.size(); i += 4) {
        const std::optional<http::Response> response = PostEvent(client, bodies[i]);
        if (!response) return;
        if (response->status == 200 && ++answered == 300) serve.Signal(SIGTERM);
        if (response->status != 200 && response->status != 503) ++wrong;
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(serve.Wait(), 0);
  EXPECT_EQ(wrong, 0);
  ServeProcess again(EnvironmentFor(database));
  EXPECT_GE(Get(again.address(), "/api/v1/statistics")["total_events"].get<int>(), answered.load());
}

TEST(Serve, RefusesAFileThatAnotherProcessOwns) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess owner(EnvironmentFor(database));
  const Finished second = RunBillhook({"serve"}, EnvironmentFor(database));
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("in use by another billhook"), std::string::npos) << second.err;
}

TEST(Serve, ReportsEveryFaultOfItsConfigurationAndExitsWithOne) {
  const Finished finished = RunBillhook({"serve"}, {{"PORT", "x"}, {"DATABASE_URL", "nonsense"}});
  EXPECT_EQ(finished.status, 1);
  for (const char* name : {"STRIPE_WEBHOOK_SECRET", "PORT", "DATABASE_URL"}) {
    EXPECT_NE(finished.err.find(name), std::string::npos) << finished.err;
  }
}

TEST(Serve, RefusesAPortThatIsTaken) {
  const TestDatabase one(Engine::kSqliteFile);
  const TestDatabase two(Engine::kSqliteFile);
  ServeProcess first(EnvironmentFor(one));
  std::map<std::string, std::string> environment = EnvironmentFor(two);
  environment["PORT"] = first.address().substr(first.address().rfind(':') + 1);
  const Finished second = RunBillhook({"serve"}, environment);
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find(environment["PORT"]), std::string::npos) << second.err;
}

TEST(Serve, LogsNoSecretAndNothingOfABody) {
  const TestDatabase database(Engine::kSqliteFile);
  std::map<std::string, std::string> environment = EnvironmentFor(database);
  environment["LOG_LEVEL"] = "debug";
  environment["API_KEYS"] = "r:reader:hunter2";
  ServeProcess serve(environment);
  http::Client client(serve.address());
  const std::string body =
      R"({"id":"evt_1","object":"event","type":"charge.succeeded","created":1,"data":{"object":{"object":"charge",)"
      R"("id":"ch_1","receipt_email":"jenny@example.com"}}})";
  EXPECT_EQ(PostEvent(client, body)->status, 200);
  EXPECT_EQ(client
                .Send("GET", "/api/v1/ledger/entries?min_position=1&wait_ms=20000",
                      {{"Authorization", "Bearer hunter2"}})
                ->status,
            200);
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
  const std::string log = serve.Log();
  EXPECT_NE(log.find("\"route\":\"/webhooks/stripe\""), std::string::npos) << log;
  for (const char* secret : {kServeSecret, "hunter2", "jenny", "ch_1"})
    EXPECT_EQ(log.find(secret), std::string::npos) << log;
}

TEST(Verify, FindsAByteThatWasChangedInTheDatabaseFile) {
  const TestDatabase database(Engine::kSqliteFile);
  {
    ServeProcess serve(EnvironmentFor(database));
    ASSERT_EQ(RunBillhook({"simulate", "--url", serve.address(), "--events", "200", "--seed", "1"},
                          EnvironmentFor(database))
                  .status,
              0);
    serve.Signal(SIGTERM);
    ASSERT_EQ(serve.Wait(), 0);
  }
  ExpectWholeLog(database);
  const std::string path = database.url().substr(std::string("sqlite://").size());
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  const std::size_t at = content.find("\"api_version\": \"20");
  ASSERT_NE(at, std::string::npos) << "the log is checkpointed into the file when the service stops";
  file.seekp(static_cast<std::streamoff>(at) + 16);
  file.put('3');
  file.close();
  const Finished verified = RunBillhook({"verify"}, EnvironmentFor(database));
  EXPECT_EQ(verified.status, 1);
  EXPECT_NE(verified.err.find("damaged at position"), std::string::npos) << verified.err;
}

TEST(Sign, PrintsTheHeaderOfABody) {
  const Finished signed_body =
      RunBillhook({"sign", "--secret", "whsec_1", "--timestamp", "1700000000"}, {}, "{}");
  EXPECT_EQ(signed_body.status, 0);
  EXPECT_EQ(signed_body.out, stripe::SignatureHeader("whsec_1", 1700000000, "{}") + "\n");
  EXPECT_EQ(RunBillhook({"sign", "--secret", "whsec_1", "/nonexistent"}, {}).status, 1);
}

TEST(Migrate, AppliesWhatIsMissingAndShowsWhereItStands) {
  const TestDatabase database(Engine::kSqliteFile);
  const Finished absent = RunBillhook({"migrate", "--status"}, EnvironmentFor(database));
  EXPECT_EQ(absent.status, 1) << "a question makes no database";
  EXPECT_NE(absent.err.find("there is no database"), std::string::npos) << absent.err;
  std::map<std::string, std::string> strict = EnvironmentFor(database);
  strict["AUTO_MIGRATE"] = "false";
  const Finished refused = RunBillhook({"serve"}, strict);
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("billhook migrate"), std::string::npos) << refused.err;
  EXPECT_NE(RunBillhook({"migrate"}, EnvironmentFor(database)).out.find("applied 0001_event_log"),
            std::string::npos);
  EXPECT_EQ(RunBillhook({"migrate", "--status"}, EnvironmentFor(database)).out.find("missing"),
            std::string::npos);
  ServeProcess serve(strict);
  EXPECT_EQ(Get(serve.address(), "/api/v1/statistics")["total_events"], 0);
}

TEST(CommandLine, ExitsWithTwoOnWrongUsageAndWithZeroOnHelp) {
  EXPECT_EQ(RunBillhook({}, {}).status, 2);
  EXPECT_EQ(RunBillhook({"nonsense"}, {}).status, 2);
  EXPECT_EQ(RunBillhook({"sign"}, {}).status, 2);
  EXPECT_EQ(RunBillhook({"serve", "--nonsense"}, {}).status, 2);
  for (const char* command : {"serve", "migrate", "sign", "simulate", "rebuild", "verify"}) {
    EXPECT_EQ(RunBillhook({command, "--help"}, {}).status, 0) << command;
  }
}

}  // namespace
}  // namespace billhook::test
