#include "tests/support/test_database.h"

#include <atomic>
#include <cstdlib>

#include <unistd.h>

#include "service/clock.h"
#include "service/storage/migrations.h"
#include "service/storage/open_database.h"
#include "service/storage/postgres/postgres_session.h"

namespace billhook::test {
namespace {

std::string UniqueName() {
  static std::atomic<int> number{0};
  return "billhook_" + std::to_string(getpid()) + "_" + std::to_string(SystemClock() % 1'000'000'000) + "_" +
         std::to_string(number++);
}

std::string ServerUrl() {
  const char* url = std::getenv("BILLHOOK_TEST_POSTGRES_URL");
  return url == nullptr ? "" : url;
}

// The server's URL with another database in it.
std::string WithDatabase(const std::string& url, const std::string& name) {
  const std::size_t query = std::min(url.find('?'), url.size());
  const std::size_t slash = url.rfind('/', query);
  return url.substr(0, slash + 1) + name + url.substr(query);
}

}  // namespace

TestDatabase::TestDatabase(Engine engine) : engine_(engine), name_(UniqueName()) {
  switch (engine) {
    case Engine::kSqliteMemory:
      url_ = "sqlite::memory:";
      break;
    case Engine::kSqliteFile:
      directory_ = std::filesystem::temp_directory_path() / name_;
      std::filesystem::create_directories(directory_);
      url_ = "sqlite://" + (directory_ / "billhook.db").string();
      break;
    case Engine::kPostgres:
      if (ServerUrl().empty()) return;
      storage::PostgresSession(ServerUrl(), storage::Purpose::kAppend)
          .ExecuteScript("CREATE DATABASE " + name_);
      url_ = WithDatabase(ServerUrl(), name_);
      break;
  }
}

TestDatabase::~TestDatabase() {
  if (!directory_.empty()) std::filesystem::remove_all(directory_);
  if (engine_ != Engine::kPostgres || url_.empty()) return;
  try {
    storage::PostgresSession(ServerUrl(), storage::Purpose::kAppend)
        .ExecuteScript("DROP DATABASE " + name_ + " WITH (FORCE)");
  } catch (const std::exception& error) {
    ADD_FAILURE() << "could not drop " << name_ << ": " << error.what();
  }
}

std::unique_ptr<storage::Database> TestDatabase::OpenUnmigrated() const {
  return storage::OpenDatabase(url_, 8, storage::Ownership::kExclusive);
}

std::unique_ptr<storage::Database> TestDatabase::Open() const {
  auto database = OpenUnmigrated();
  storage::Migrate(*database, storage::AllMigrations(), SystemClock());
  return database;
}

void OnEachEngine::SetUp() {
  BILLHOOK_REQUIRE_DATABASE(database_);
}

std::string EngineName(const ::testing::TestParamInfo<Engine>& info) {
  constexpr const char* kNames[] = {"SqliteMemory", "SqliteFile", "Postgres"};
  return kNames[static_cast<int>(info.param)];
}

}  // namespace billhook::test
