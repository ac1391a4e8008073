// Who may include whom, and which folder is the one door to which library. All system headers lie in one
// folder here, so linking alone cannot tell.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace billhook {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  // from the root, e.g. "domain/money.h"
  std::string text;
  std::vector<std::string> project_includes;  // in quotes
  std::vector<std::string> system_includes;   // in angle brackets
};

std::vector<SourceFile> FilesUnder(const std::string& folder) {
  static const std::regex kInclude(R"(^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"])", std::regex::multiline);
  const fs::path root = test::SourceDirectory();
  std::vector<SourceFile> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cpp") continue;
    std::ostringstream text;
    text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    SourceFile file{fs::relative(entry.path(), root).generic_string(), text.str(), {}, {}};
    for (std::sregex_iterator at(file.text.begin(), file.text.end(), kInclude), end; at != end; ++at) {
      ((*at)[1] == "<" ? file.system_includes : file.project_includes).push_back((*at)[2]);
    }
    files.push_back(std::move(file));
  }
  EXPECT_FALSE(files.empty()) << folder;
  return files;
}

bool StartsWithOneOf(const std::string& text, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (text.starts_with(prefix)) return true;
  }
  return false;
}

TEST(Architecture, DependenciesPointInwards) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> layers = {
      {"domain", {"domain/"}},
      {"projections", {"domain/", "projections/"}},
      {"service", {"domain/", "projections/", "service/", "migration_files.inc", "openapi.inc"}},
  };
  for (const auto& [folder, allowed] : layers) {
    for (const SourceFile& file : FilesUnder(folder)) {
      for (const std::string& include : file.project_includes)
        EXPECT_TRUE(StartsWithOneOf(include, allowed)) << file.path << " includes " << include;
    }
  }
}

TEST(Architecture, DomainAndProjectionsReadNoClockAndDoNoInputOrOutput) {
  static const std::regex kClock(
      R"(\b(system_clock|steady_clock|high_resolution_clock|utc_clock|gettimeofday|clock_gettime|getenv|setlocale)\b|\btime\s*\(\s*(nullptr|NULL|0|&))");
  const std::vector<std::string> outside = {"iostream", "fstream", "filesystem", "thread", "mutex",
                                            "future",   "ctime",   "locale",     "random", "sys/",
                                            "unistd.h", "netdb.h", "spdlog/",    "CLI/"};
  for (const char* folder : {"domain", "projections"}) {
    for (const SourceFile& file : FilesUnder(folder)) {
      EXPECT_FALSE(std::regex_search(file.text, kClock)) << file.path << " reads a clock or the environment";
      for (const std::string& include : file.system_includes)
        EXPECT_FALSE(StartsWithOneOf(include, outside)) << file.path << " includes " << include;
    }
  }
}

TEST(Architecture, EachLibraryHasOneDoor) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> doors = {
      {"httplib", {"service/http/answer_writer.cpp", "service/http/client.cpp"}},
      {"pqxx", {"service/storage/postgres/"}},
      {"libpq", {"service/storage/postgres/"}},
      {"sqlite3", {"service/storage/sqlite/"}},
      {"prometheus/", {"service/metrics."}},
      {"openssl/", {"domain/sha256.cpp"}},
      {"simdjson", {"domain/json_tape.cpp"}},
      {"hiredis/", {"service/publish/redis_broker.cpp"}},
      {"amqp", {"service/publish/amqp_broker.cpp"}},
      {"librdkafka/", {"service/publish/kafka_broker.cpp"}},
  };
  std::vector<SourceFile> files;
  for (const char* folder : {"domain", "projections", "service"}) {
    for (SourceFile& file : FilesUnder(folder)) files.push_back(std::move(file));
  }
  for (const auto& [library, allowed] : doors) {
    bool used = false;
    for (const SourceFile& file : files) {
      for (const std::string& include : file.system_includes) {
        if (!include.starts_with(library)) continue;
        used = true;
        EXPECT_TRUE(StartsWithOneOf(file.path, allowed)) << file.path << " includes " << include;
      }
    }
    EXPECT_TRUE(used || library == "libpq") << library << " has a door but nobody comes through it";
  }
}

}  // namespace
}  // namespace billhook
