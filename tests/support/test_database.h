// A fresh, empty database of either engine for one test, gone with it. PostgreSQL is the server at
// BILLHOOK_TEST_POSTGRES_URL (tests/run starts one); without it those tests are skipped, and fail where CI is
// set.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "service/storage/sql.h"

namespace billhook::test {

enum class Engine { kSqliteMemory, kSqliteFile, kPostgres };

class TestDatabase {
 public:
  explicit TestDatabase(Engine engine);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  // False where there is no server for the engine.
  [[nodiscard]] bool available() const { return !url_.empty(); }
  [[nodiscard]] const std::string& url() const { return url_; }
  // A database object of its own, as another process would have; migrated. (In memory, each is a database of
  // its own.)
  [[nodiscard]] std::unique_ptr<storage::Database> Open() const;
  [[nodiscard]] std::unique_ptr<storage::Database> OpenUnmigrated() const;

 private:
  Engine engine_;
  std::string url_;
  std::string name_;
  std::filesystem::path directory_;
};

// Runs a test on each engine that keeps data between two openings, or on all.
class OnEachEngine : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override;
  [[nodiscard]] const TestDatabase& database() const { return database_; }

 private:
  TestDatabase database_{GetParam()};
};

std::string EngineName(const ::testing::TestParamInfo<Engine>& info);

// Skips the test, or fails it where CI is set.
#define BILLHOOK_REQUIRE_DATABASE(test_database)                                         \
  if (!(test_database).available()) {                                                    \
    if (std::getenv("CI") != nullptr) FAIL() << "BILLHOOK_TEST_POSTGRES_URL is not set"; \
    GTEST_SKIP() << "no PostgreSQL: run tests/run, or set BILLHOOK_TEST_POSTGRES_URL";   \
  }                                                                                      \
  static_assert(true, "")

}  // namespace billhook::test
