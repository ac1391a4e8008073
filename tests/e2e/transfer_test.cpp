// A log moves from database to database with the real binary, and the read models come out the same.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/http/client.h"
#include "service/storage/event_log.h"
#include "service/storage/open_database.h"
#include "service/storage/read_models.h"
#include "tests/support/billhook_process.h"
#include "tests/support/paths.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::map<std::string, std::string> EnvironmentFor(const std::string& url) {
  return {{"STRIPE_WEBHOOK_SECRET", "whsec_e2e"}, {"DATABASE_URL", url}};
}

Json Get(const std::string& address, const std::string& path) {
  http::Client client(address);
  const std::optional<http::Response> response = client.Send("GET", path);
  if (!response || response->status != 200) {
    ADD_FAILURE() << path << ": " << (response ? response->body : client.error());
    return Json::object();
  }
  return Json::parse(response->body);
}

// Every row of every read model, once they show the whole log.
std::map<std::string, std::vector<Json>> ReadModelsOf(const std::string& address) {
  const std::string position = Get(address, "/api/v1/statistics")["latest_position"].dump();
  Get(address, "/api/v1/projections?wait_ms=30000&min_position=" + position);
  std::map<std::string, std::vector<Json>> rows;
  for (const std::string list : {"subscriptions", "ledger/entries", "ledger/balances", "customers",
                                 "invoices", "events", "dead-letters"}) {
    const std::string path = "/api/v1/" + list + "?limit=100";
    for (std::string cursor; true;) {
      const Json page = Get(address, path + (cursor.empty() ? "" : "&cursor=" + cursor));
      if (!page.contains("data")) return rows;
      for (const Json& row : page["data"]) rows[list].push_back(row);
      if (!page["has_more"]) break;
      cursor = page["next_cursor"];
    }
  }
  return rows;
}

std::map<std::string, std::vector<Json>> ServedFrom(const std::string& url) {
  ServeProcess serve(EnvironmentFor(url));
  return ReadModelsOf(serve.address());
}

void Simulate(const std::string& address, const std::string& url, const std::string& events) {
  const Finished posted = RunBillhook(
      {"simulate", "--url", address, "--events", events, "--seed", "21", "--shuffle"}, EnvironmentFor(url));
  ASSERT_EQ(posted.status, 0) << posted.err;
}

std::string Contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Whether a copy's read models are those that were copied, and not to be made again.
bool KnowsReadModels(const std::string& file) {
  const auto database = storage::OpenDatabase("sqlite://" + file, 1, storage::Ownership::kExclusive);
  return storage::ReadModels(*database).PositionOf("subscriptions") > 0;
}

class Transfer : public ::testing::Test {
 protected:
  Transfer() {
    static int number = 0;
    directory_ = fs::temp_directory_path() /
                 ("billhook-transfer-" + std::to_string(getpid()) + "-" + std::to_string(number++));
    fs::create_directories(directory_);
  }
  ~Transfer() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string File(const std::string& name) const { return (directory_ / name).string(); }

  fs::path directory_;
};

TEST_F(Transfer, GoesFromSqliteToPostgresAndBackWithoutLosingAByte) {
  const TestDatabase origin(Engine::kSqliteFile);
  const TestDatabase postgres(Engine::kPostgres);
  const TestDatabase back(Engine::kSqliteFile);
  BILLHOOK_REQUIRE_DATABASE(postgres);
  std::map<std::string, std::vector<Json>> before;
  {
    ServeProcess serve(EnvironmentFor(origin.url()));
    Simulate(serve.address(), origin.url(), "1500");
    // The one that serves goes on meanwhile.
    const Finished exported = RunBillhook({"export", File("one")}, EnvironmentFor(origin.url()));
    ASSERT_EQ(exported.status, 0) << exported.err;
    before = ReadModelsOf(serve.address());
  }
  const Finished to_postgres = RunBillhook({"import", File("one")}, EnvironmentFor(postgres.url()));
  ASSERT_EQ(to_postgres.status, 0) << to_postgres.err;
  const Finished from_postgres = RunBillhook({"export"}, EnvironmentFor(postgres.url()));
  ASSERT_EQ(from_postgres.status, 0) << from_postgres.err;
  EXPECT_TRUE(from_postgres.out == Contents(File("one")));
  const Finished to_sqlite = RunBillhook({"import"}, EnvironmentFor(back.url()), from_postgres.out);
  ASSERT_EQ(to_sqlite.status, 0) << to_sqlite.err;
  for (const TestDatabase* copy : {&postgres, &back}) {
    EXPECT_EQ(RunBillhook({"verify"}, EnvironmentFor(copy->url())).status, 0);
    EXPECT_TRUE(ServedFrom(copy->url()) == before);
  }
  const Finished again = RunBillhook({"export"}, EnvironmentFor(back.url()));
  EXPECT_TRUE(again.out == from_postgres.out);
}

TEST_F(Transfer, GoesOnAfterAnImportWasKilledInTheMiddle) {
  const TestDatabase origin(Engine::kSqliteFile);
  const TestDatabase copy(Engine::kSqliteFile);
  {
    ServeProcess serve(EnvironmentFor(origin.url()));
    Simulate(serve.address(), origin.url(), "4000");
  }
  ASSERT_EQ(RunBillhook({"export", File("log")}, EnvironmentFor(origin.url())).status, 0);
  const std::string text = Contents(File("log"));
  // An import from a pipe that gives three quarters of the file and then nothing.
  ASSERT_EQ(mkfifo(File("pipe").c_str(), 0600), 0);
  const std::string setting = "DATABASE_URL=" + copy.url();
  const pid_t pid = fork();
  if (pid == 0) {
    execl("/usr/bin/env", "env", setting.c_str(), BillhookBinary().c_str(), "import", File("pipe").c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  std::ofstream pipe(File("pipe"), std::ios::binary);
  pipe << text.substr(0, text.size() * 3 / 4) << std::flush;
  std::int64_t position = 0;
  while (position == 0) {
    const auto looking = storage::OpenDatabase(copy.url(), 1, storage::Ownership::kShared);
    position = storage::EventLog(*looking).LatestPosition();
  }
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(RunBillhook({"verify"}, EnvironmentFor(copy.url())).status, 0) << "a whole prefix is there";

  const Finished resumed = RunBillhook({"import", File("log")}, EnvironmentFor(copy.url()));
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.out.find(", 0 were there"), std::string::npos) << resumed.out;
  EXPECT_TRUE(RunBillhook({"export"}, EnvironmentFor(copy.url())).out == text);
}

TEST_F(Transfer, BacksUpASqliteFileWhileWebhooksComeIn) {
  const TestDatabase origin(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(origin.url()));
  Simulate(serve.address(), origin.url(), "300");
  std::thread posting([&] { Simulate(serve.address(), origin.url(), "2500"); });
  std::vector<std::string> copies;
  for (int i = 0; i < 3; ++i) {
    copies.push_back(File("backup-" + std::to_string(i) + ".db"));
    const Finished backup = RunBillhook({"backup", copies.back()}, EnvironmentFor(origin.url()));
    EXPECT_EQ(backup.status, 0) << backup.err;
  }
  posting.join();
  const std::string whole = RunBillhook({"export"}, EnvironmentFor(origin.url())).out;
  for (const std::string& copy : copies) {
    const std::string url = "sqlite://" + copy;
    const Finished verified = RunBillhook({"verify"}, EnvironmentFor(url));
    EXPECT_EQ(verified.status, 0) << verified.err;
    const std::string log = RunBillhook({"export"}, EnvironmentFor(url)).out;
    EXPECT_GE(std::count(log.begin(), log.end(), '\n'), 300);
    EXPECT_TRUE(whole.substr(0, log.size()) == log) << "a backup is a prefix of what came after";
    EXPECT_TRUE(KnowsReadModels(copy));
    // What the backup shows is what a rebuild from its log shows.
    const auto restored = ServedFrom(url);
    EXPECT_EQ(RunBillhook({"rebuild", "--all"}, EnvironmentFor(url)).status, 0);
    EXPECT_TRUE(ServedFrom(url) == restored);
  }
  // One made when all is quiet shows what is served.
  ASSERT_EQ(RunBillhook({"backup", File("last.db")}, EnvironmentFor(origin.url())).status, 0);
  EXPECT_TRUE(ServedFrom("sqlite://" + File("last.db")) == ReadModelsOf(serve.address()));
  const Finished twice = RunBillhook({"backup", File("last.db")}, EnvironmentFor(origin.url()));
  EXPECT_EQ(twice.status, 1);
  EXPECT_NE(twice.err.find("exists already"), std::string::npos) << twice.err;
  EXPECT_FALSE(fs::exists(File("last.db.partial")));
}

TEST_F(Transfer, RestoresADumpOfPostgres) {
  const TestDatabase origin(Engine::kPostgres);
  const TestDatabase restored(Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(origin);
  ServeProcess serve(EnvironmentFor(origin.url()));
  Simulate(serve.address(), origin.url(), "500");
  const auto before = ReadModelsOf(serve.address());
  const auto shell = [](const std::string& command) { return std::system(command.c_str()); };
  ASSERT_EQ(shell("pg_dump --format=custom --file='" + File("dump") + "' '" + origin.url() + "'"), 0);
  ASSERT_EQ(
      shell("pg_restore --no-owner --exit-on-error --dbname='" + restored.url() + "' '" + File("dump") + "'"),
      0);
  EXPECT_EQ(RunBillhook({"verify"}, EnvironmentFor(restored.url())).status, 0);
  EXPECT_TRUE(ServedFrom(restored.url()) == before);
  EXPECT_TRUE(RunBillhook({"export"}, EnvironmentFor(restored.url())).out ==
              RunBillhook({"export"}, EnvironmentFor(origin.url())).out);
}

TEST_F(Transfer, SaysWhyItRefusesAndExitsWithOne) {
  const TestDatabase origin(Engine::kSqliteFile);
  const TestDatabase copy(Engine::kSqliteFile);
  {
    ServeProcess serve(EnvironmentFor(origin.url()));
    Simulate(serve.address(), origin.url(), "50");
    const Finished taken = RunBillhook({"import"}, EnvironmentFor(origin.url()), "");
    EXPECT_EQ(taken.status, 1);
    EXPECT_NE(taken.err.find("in use by another billhook"), std::string::npos) << taken.err;
  }
  std::string text = RunBillhook({"export"}, EnvironmentFor(origin.url())).out;
  std::size_t line = 0;
  for (int i = 0; i < 29; ++i) line = text.find('\n', line) + 1;
  text.replace(text.find("created", line), 7, "creaded");
  const Finished refused = RunBillhook({"import"}, EnvironmentFor(copy.url()), text);
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.err.find("line 30 is refused"), std::string::npos) << refused.err;
  EXPECT_EQ(RunBillhook({"import", File("absent")}, EnvironmentFor(copy.url())).status, 1);
  EXPECT_EQ(RunBillhook({"export", File("no/such/folder")}, EnvironmentFor(copy.url())).status, 1);
  EXPECT_EQ(RunBillhook({"export", "--nonsense"}, EnvironmentFor(copy.url())).status, 2);
}

}  // namespace
}  // namespace billhook::test
