// A running billhook as its callers see it: events in, facts out, and those held against what a simulated
// history's storyteller knows. Every fault fails the test that asks. Thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "service/http/client.h"
#include "service/simulate/truth.h"
#include "tests/support/test_database.h"

namespace billhook::test {

constexpr const char* kServeSecret = "whsec_e2e";

// What `serve` needs for that database.
std::map<std::string, std::string> EnvironmentFor(const std::string& database_url);
std::map<std::string, std::string> EnvironmentFor(const TestDatabase& database);

std::optional<http::Response> PostEvent(http::Client& client, const std::string& body);

nlohmann::json Get(const std::string& address, const std::string& path);
// All rows of a list, over as many pages as it takes.
std::vector<nlohmann::json> AllOf(const std::string& address, const std::string& path);

// Returns once every read model shows all that is recorded and none is being rebuilt.
void AwaitProjections(const std::string& address);

// The read models that the main job is about.
struct Facts {
  std::vector<nlohmann::json> subscriptions;
  std::vector<nlohmann::json> entries;
  std::vector<nlohmann::json> balances;
  bool operator==(const Facts&) const = default;
};
Facts FactsOf(const std::string& address);
void ExpectTruth(const Facts& facts, const simulate::Truth& truth);

// Test and live data never mix, nor do accounts: one truth for each.
struct Scope {
  bool livemode = true;
  std::string account;  // empty: none
};
std::vector<nlohmann::json> RowsOf(const std::vector<nlohmann::json>& rows, const Scope& scope);

// The rows of one scope against the truth: nothing is missing, nothing is too much.
void ExpectSubscriptions(const std::vector<nlohmann::json>& rows, const simulate::Truth& truth);
void ExpectBalances(const std::vector<nlohmann::json>& rows, const simulate::Truth& truth);
void ExpectCustomers(const std::vector<nlohmann::json>& rows, const simulate::Truth& truth);
void ExpectInvoices(const std::vector<nlohmann::json>& rows, const simulate::Truth& truth);
// Asks for the revenue of every day until it moved last.
void ExpectRevenue(const std::string& address, const Scope& scope, const simulate::Truth& truth);

// `billhook verify` finds nothing.
void ExpectWholeLog(const std::string& database_url);
void ExpectWholeLog(const TestDatabase& database);

}  // namespace billhook::test
