// docs/capabilities.md against the source: each test and each file that it names exists.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

std::string Contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// "Suite.Name" of each test in the sources.
std::set<std::string> Tests() {
  static const std::regex kTest(R"(\n(?:TEST(?:_[PF])?|RC_GTEST_PROP)\(\s*(\w+),\s*(\w+))");
  std::set<std::string> tests;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(fs::path(SourceDirectory()) / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string text = Contents(entry.path());
    for (std::sregex_iterator at(text.begin(), text.end(), kTest), end; at != end; ++at)
      tests.insert((*at)[1].str() + "." + (*at)[2].str());
  }
  return tests;
}

TEST(Capabilities, NameTestsAndFilesThatExist) {
  static const std::regex kName(R"(`([A-Z]\w+\.[A-Z]\w+)`)");
  static const std::regex kFile(R"(`([a-z_/0-9]+/\w+\.(?:h|cpp|md|sql|yaml))`)");
  const fs::path root = SourceDirectory();
  const std::string table = Contents(root / "docs/capabilities.md");
  const std::set<std::string> tests = Tests();
  std::size_t found = 0;
  for (std::sregex_iterator at(table.begin(), table.end(), kName), end; at != end; ++at, ++found)
    EXPECT_EQ(tests.count((*at)[1]), (*at)[1] == "Suite.Name" ? 0U : 1U) << (*at)[1];
  for (std::sregex_iterator at(table.begin(), table.end(), kFile), end; at != end; ++at, ++found)
    EXPECT_TRUE(fs::exists(root / (*at)[1].str())) << (*at)[1];
  EXPECT_GT(found, 80U);
}

}  // namespace
}  // namespace billhook::test
