#include "tests/chaos/verdict.h"

#include <cstdio>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/child_process.h"
#include "tests/support/served_facts.h"

namespace billhook::test {

Verdict JudgeLog(const std::string& database_url, const Load& load) {
  const Finished exported = RunBillhook({"export"}, EnvironmentFor(database_url));
  EXPECT_EQ(exported.status, 0) << exported.err;
  Verdict verdict{load.acknowledged().size(), 0, load.contradictions()};
  std::map<std::string, std::int64_t> log;
  std::istringstream lines(exported.out);
  std::int64_t position = 0;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line);
    EXPECT_EQ(event.at("position"), ++position) << "positions have no gaps";
    if (event.at("source") != "stripe") continue;  // sagas' events name their saga there
    if (!log.emplace(event.at("caused_by"), position).second) ++verdict.doubled;
  }
  for (const auto& [event, acknowledged_at] : load.acknowledged()) {
    const auto recorded = log.find(event);
    if (recorded == log.end() || recorded->second != acknowledged_at) ++verdict.lost;
  }
  return verdict;
}

void ExpectNothingLost(const std::string& fault, std::size_t rounds, const std::string& address,
                       const std::string& database_url, const Load& load,
                       std::chrono::milliseconds recovery) {
  const Verdict verdict = JudgeLog(database_url, load);
  EXPECT_EQ(verdict.lost, 0U);
  EXPECT_EQ(verdict.doubled, 0U);
  ExpectWholeLog(database_url);
  // Who has to connect anew may meet a server that is only starting: 503, try again.
  const auto reads = [&address] {
    const std::optional<http::Response> response = http::Client(address).Send("GET", "/api/v1/statistics");
    return response && response->status == 200;
  };
  ASSERT_TRUE(Await(reads, std::chrono::seconds(30)));
  ExpectTruth(FactsOf(address), load.truth());
  std::printf(
      "chaos | %-52s | rounds %3zu | acknowledged %6zu | lost %zu | doubled %zu | refused %5zu | recovery "
      "%6.2f s\n",
      fault.c_str(), rounds, verdict.acknowledged, verdict.lost, verdict.doubled, load.refused(),
      static_cast<double>(recovery.count()) / 1000);
  std::fflush(stdout);
}

}  // namespace billhook::test
