// What operators see of the real binary: metrics that the dashboard and the alerts rest on, log lines that
// can be followed and tell nobody's secrets.
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "service/http/client.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/paths.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using Json = nlohmann::json;

constexpr const char* kKey = "operators-key-0123456789";

std::map<std::string, std::string> Environment(const TestDatabase& database) {
  std::map<std::string, std::string> environment = EnvironmentFor(database);
  environment["LOG_LEVEL"] = "debug";
  environment["API_KEYS"] = std::string("ops:admin:") + kKey;
  return environment;
}

http::Fields Authorised(http::Fields more = {}) {
  more.emplace_back("Authorization", std::string("Bearer ") + kKey);
  return more;
}

// Something of everything that billhook counts or writes lines about.
void Drive(const ServeProcess& serve, const TestDatabase& database) {
  ASSERT_EQ(RunBillhook(
                {"simulate", "--url", serve.address(), "--events", "400", "--seed", "9", "--duplicates", "5"},
                EnvironmentFor(database))
                .status,
            0);
  http::Client client(serve.address());
  ASSERT_EQ(PostEvent(client, ChargeEvent("evt_unusable", "ch_unusable", "1e3"))->status, 200);
  const http::Fields unsigned_fields = {{"Stripe-Signature", "t=1,v1=" + std::string(64, 'a')}};
  ASSERT_EQ(client.Send("POST", "/webhooks/stripe", unsigned_fields, CustomerEvent("evt_forged"))->status,
            400);
  const auto post = [&client](const std::string& path, const Json& body) {
    return client.Send("POST", path, Authorised(), body.dump())->status;
  };
  ASSERT_EQ(
      post("/api/v1/commands", {{"command_type", "CreateAccount"},
                                {"data", {{"account_id", "acc_1"}, {"owner", "jenny.rosen@example.com"}}}}),
      200);
  ASSERT_EQ(post("/api/v1/commands",
                 {{"command_type", "WithdrawMoney"}, {"data", {{"account_id", "acc_1"}, {"amount", 5}}}}),
            409);
  ASSERT_EQ(
      post("/api/v1/sagas", {{"saga_type", "TransferMoney"},
                             {"data", {{"from_account", "acc_1"}, {"to_account", "acc_2"}, {"amount", 5}}}}),
      202);
  ASSERT_EQ(post("/api/v1/commands", {{"command_type", "Nonsense"}, {"data", Json::object()}}), 422);
  ASSERT_EQ(post("/api/v1/queries", {{"query_type", "GetStatistics"}}), 200);
  ASSERT_EQ(client.Send("GET", "/api/v1/customers?email=jenny.rosen@example.com", Authorised())->status, 200);
  ASSERT_EQ(client.Send("GET", "/api/v1/customers/4242424242424242", Authorised())->status, 404);
  ASSERT_EQ(client.Send("GET", "/api/v1/customers", {{"Authorization", "Bearer stolen-key"}})->status, 401);
  // What callers give as their request's ID, each also where no whole request comes of it.
  for (const char* id : {"jenny.rosen@example.com", "whsec_e2e", kServeSecret, "sk_live_4242",
                         "id:rk_test_4242", "4242424242424242", "4242-4242-4242-4242",
                         "card-4242424242424242", "Bearer operators-key-0123456789"}) {
    ASSERT_EQ(client.Send("GET", "/api/v1/customers", Authorised({{"X-Request-Id", id}}))->status, 200);
    ASSERT_EQ(client.Send("GET", "/health/live?" + std::string(100'000, 'x'), {{"X-Request-Id", id}})->status,
              414);
  }
  ASSERT_EQ(client.Send("GET", "/nowhere/jenny.rosen@example.com")->status, 404);
  ASSERT_EQ(client.Send("GET", "/api/v1/projections/customers?min_position=400&wait_ms=20000", Authorised())
                ->status,
            200);
}

// The page's series: a name's sets of labels.
using Labels = std::map<std::string, std::string>;
using Series = std::map<std::string, std::vector<Labels>>;

Series SeriesOf(const std::string& page) {
  const std::regex line_form(R"re(^([a-z_]+)(?:\{(.*)\})? \S+$)re");
  const std::regex label_form(R"re(([a-z_]+)="([^"]*)")re");
  Series series;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with('#') || !std::regex_match(line, match, line_form)) continue;
    Labels labels;
    const std::string text = match[2];
    for (std::sregex_iterator label(text.begin(), text.end(), label_form), end; label != end; ++label)
      labels[(*label)[1]] = (*label)[2];
    series[match[1]].push_back(labels);
  }
  return series;
}

// What of the query no series answers: a name, or a selection that finds nothing.
std::vector<std::string> Unanswered(const std::string& query, const Series& series) {
  static const std::set<std::string> kFromPrometheus = {"job", "instance"};
  const std::regex selector(R"re(\b((?:billhook|process)_[a-z_]+)(?:\{([^}]*)\})?)re");
  const std::regex matcher(R"re(([a-z_]+)(=~|=)"([^"]*)")re");
  const std::regex grouping(R"re(\bby \(([^)]*)\))re");
  std::vector<std::string> unanswered;
  std::set<std::string> known_labels = kFromPrometheus;
  for (std::sregex_iterator at(query.begin(), query.end(), selector), end; at != end; ++at) {
    const std::string name = (*at)[1];
    const auto found = series.find(name);
    if (found == series.end()) {
      unanswered.push_back(name);
      continue;
    }
    std::vector<Labels> left = found->second;
    for (const auto& [label, value] : left.front()) known_labels.insert(label);
    const std::string matchers = (*at)[2];
    for (std::sregex_iterator one(matchers.begin(), matchers.end(), matcher); one != end; ++one) {
      const std::string label = (*one)[1];
      if (kFromPrometheus.contains(label)) continue;
      const std::regex wanted((*one)[3].str());  // the values asked for by "=" are plain words
      std::erase_if(left, [&](const Labels& labels) {
        return !labels.contains(label) || !std::regex_match(labels.at(label), wanted);
      });
    }
    // No request fails here, but the label that would say so is there.
    const bool of_failures = matchers.find(R"(status=~"5..")") != std::string::npos;
    if (left.empty() && !of_failures) unanswered.push_back(at->str());
  }
  for (std::sregex_iterator by(query.begin(), query.end(), grouping), end; by != end; ++by) {
    std::istringstream labels((*by)[1]);
    for (std::string label; std::getline(labels >> std::ws, label, ',');) {
      if (!known_labels.contains(label)) unanswered.push_back("by (" + label + ")");
    }
  }
  return unanswered;
}

std::string Deployed(const std::string& file) {
  std::ifstream in(SourceDirectory() + "/deploy/" + file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::map<std::string, std::string> DashboardQueries() {
  std::map<std::string, std::string> queries;
  const Json dashboard = Json::parse(Deployed("grafana-dashboard.json"));
  for (const Json& panel : dashboard.at("panels")) {
    if (panel.at("type") == "row") continue;
    for (const Json& target : panel.at("targets"))
      queries[panel.at("title").get<std::string>() + " " + target.at("refId").get<std::string>()] =
          target.at("expr");
  }
  return queries;
}

std::map<std::string, std::string> AlertQueries() {
  std::map<std::string, std::string> queries;
  for (const YAML::Node& group : YAML::Load(Deployed("alerts.yml"))["groups"]) {
    for (const YAML::Node& rule : group["rules"])
      queries[rule["alert"].as<std::string>()] = rule["expr"].as<std::string>();
  }
  return queries;
}

class Observability : public OnEachEngine {};

TEST_P(Observability, TellsWhatDashboardAndAlertsAskFor) {
  ServeProcess serve(Environment(database()));
  Drive(serve, database());
  http::Client client(serve.address());
  const std::string page = client.Send("GET", "/metrics")->body;
  const Series series = SeriesOf(page);
  EXPECT_GE(DashboardQueries().size(), 25U);
  EXPECT_GE(AlertQueries().size(), 10U);
  for (const auto& queries : {DashboardQueries(), AlertQueries()}) {
    for (const auto& [name, query] : queries)
      EXPECT_EQ(Unanswered(query, series), std::vector<std::string>()) << name << ": " << query;
  }
  for (const char* name : {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"})
    EXPECT_TRUE(std::regex_search(page, std::regex(std::string("\n") + name + " [1-9]"))) << name;
  for (const char* purpose : {"append", "project", "read", "find"}) {
    const bool told =
        page.find("billhook_db_sessions_max{purpose=\"" + std::string(purpose) + "\"}") != std::string::npos;
    EXPECT_EQ(told, purpose != std::string("find") || GetParam() == Engine::kPostgres) << purpose;
  }
}

TEST_P(Observability, TellsMetricsThatPrometheusFindsWellFormed) {
  ServeProcess serve(Environment(database()));
  Drive(serve, database());
  http::Client client(serve.address());
  const Finished checked =
      RunProgram({"promtool", "check", "metrics"}, {}, client.Send("GET", "/metrics")->body);
  if (checked.status == 127 && std::getenv("CI") == nullptr)
    GTEST_SKIP() << "no promtool: deploy/packages.sh test";
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
}

TEST_P(Observability, LogsNothingSecretOrPersonal) {
  ServeProcess serve(Environment(database()));
  Drive(serve, database());
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
  const std::string log = serve.Log();
  EXPECT_GT(std::count(log.begin(), log.end(), '\n'), 400) << "a line a request";
  for (const char* secret : {kServeSecret, kKey, "stolen-key", "jenny", "rosen", "42424242"})
    EXPECT_EQ(log.find(secret), std::string::npos) << secret;
  const std::map<std::string, std::string> kinds = {
      {"an e-mail address", R"re([A-Za-z0-9._+-]+@[A-Za-z0-9-]+\.[A-Za-z]+)re"},
      {"a card's digits", R"re([0-9]{13,19})re"},
      {"a Stripe key or secret", R"re((whsec|sk_live|sk_test|rk_live|rk_test)_)re"},
      {"a bearer token", R"re([Bb]earer )re"},
      {"a password in a URL", R"re(://[^/"@ ]+:[^/"@ ]+@)re"},
      {"a signature", R"re(v1=)re"}};
  for (const auto& [kind, form] : kinds) {
    std::smatch match;
    EXPECT_FALSE(std::regex_search(log, match, std::regex(form))) << kind << ": " << match.str();
  }
}

TEST_P(Observability, LogsRequestAndTraceTogether) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  ServeProcess serve(Environment(database()));
  http::Client client(serve.address());
  const std::string command =
      Json({{"command_type", "CreateAccount"}, {"data", {{"account_id", "acc_1"}, {"owner", "o"}}}}).dump();
  const auto issue = [&](const std::string& request_id, const std::string& traceparent) {
    const http::Fields fields = {{"X-Request-Id", request_id}, {"traceparent", traceparent}};
    return client.Send("POST", "/api/v1/commands", Authorised(fields), command)->status;
  };
  EXPECT_EQ(issue("traced", "00-" + trace + "-b7ad6b7169203331-01"), 200);
  EXPECT_EQ(issue("untraced", "00-" + trace + "-0000000000000000-01"), 409);
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
  std::map<std::string, int> lines;
  std::istringstream log(serve.Log());
  for (std::string line; std::getline(log, line);) {
    const Json entry = Json::parse(line);
    const std::string request_id = entry.value("request_id", "");
    if (request_id.empty()) {
      EXPECT_FALSE(entry.contains("trace_id")) << line;
      continue;
    }
    ++lines[request_id];
    EXPECT_EQ(entry.value("trace_id", ""), request_id == "traced" ? trace : "") << line;
  }
  EXPECT_EQ(lines["traced"], 2) << "the command's line and the request's";
  EXPECT_EQ(lines["untraced"], 2);
}

INSTANTIATE_TEST_SUITE_P(Engines, Observability, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

}  // namespace
}  // namespace billhook::test
