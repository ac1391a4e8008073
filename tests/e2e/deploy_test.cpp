// The files of deploy/ against what they must agree with: each other, the configuration, the routes, and the
// tools that read them. What no tool at hand can judge (Kubernetes' own checks) is held to rules written
// here.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "service/config.h"
#include "tests/support/billhook_process.h"
#include "tests/support/paths.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

std::string Contents(const std::string& file) {
  std::ifstream in(SourceDirectory() + "/" + file);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

bool IsVariable(const std::string& name) {
  const std::vector<Variable>& known = Variables();
  return std::any_of(known.begin(), known.end(),
                     [&](const Variable& variable) { return variable.name == name; });
}

// All documents of deploy/kubernetes, by kind.
const std::map<std::string, YAML::Node>& Manifests() {
  static const std::map<std::string, YAML::Node> kManifests = [] {
    std::map<std::string, YAML::Node> manifests;
    for (const auto& file : fs::directory_iterator(SourceDirectory() + "/deploy/kubernetes")) {
      for (const YAML::Node& document : YAML::LoadAllFromFile(file.path().string()))
        manifests[document["kind"].as<std::string>()] = document;
    }
    return manifests;
  }();
  return kManifests;
}

YAML::Node Pod() {
  return Manifests().at("Deployment")["spec"]["template"]["spec"];
}

std::string Text(const YAML::Node& node) {
  return YAML::Dump(node);
}

TEST(Kubernetes, HasAllOfItsManifestsInTheKustomization) {
  std::set<std::string> listed;
  for (const YAML::Node& file : Manifests().at("Kustomization")["resources"])
    listed.insert(file.as<std::string>());
  for (const auto& file : fs::directory_iterator(SourceDirectory() + "/deploy/kubernetes")) {
    const std::string name = file.path().filename();
    if (name == "kustomization.yaml") continue;
    EXPECT_EQ(listed.contains(name), name != "secret.example.yaml") << name;
  }
  for (const char* kind :
       {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "Secret"})
    EXPECT_TRUE(Manifests().contains(kind)) << kind;
}

TEST(Kubernetes, NamesOneAppEverywhere) {
  const std::string labels = Text(Manifests().at("Deployment")["spec"]["template"]["metadata"]["labels"]);
  EXPECT_EQ(Text(Manifests().at("Deployment")["spec"]["selector"]["matchLabels"]), labels);
  EXPECT_EQ(Text(Manifests().at("Service")["spec"]["selector"]), labels);
  EXPECT_EQ(Text(Manifests().at("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]), labels);
  EXPECT_EQ(Text(Manifests().at("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]), labels);
  const YAML::Node target = Manifests().at("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
  EXPECT_EQ(target["kind"].as<std::string>(), "Deployment");
  EXPECT_EQ(target["name"].as<std::string>(),
            Manifests().at("Deployment")["metadata"]["name"].as<std::string>());
  EXPECT_GE(Manifests().at("HorizontalPodAutoscaler")["spec"]["minReplicas"].as<int>(), 2);
  EXPECT_FALSE(Manifests().at("Deployment")["spec"]["replicas"]) << "the autoscaler's alone";
}

TEST(Kubernetes, RunsWithoutRights) {
  EXPECT_TRUE(Pod()["securityContext"]["runAsNonRoot"].as<bool>());
  EXPECT_NE(
      Contents("Dockerfile").find("--uid " + Pod()["securityContext"]["runAsUser"].as<std::string>() + " "),
      std::string::npos)
      << "the image's user";
  EXPECT_FALSE(Pod()["automountServiceAccountToken"].as<bool>());
  for (const YAML::Node& container : Pod()["containers"]) {
    const YAML::Node context = container["securityContext"];
    EXPECT_TRUE(context["readOnlyRootFilesystem"].as<bool>());
    EXPECT_FALSE(context["allowPrivilegeEscalation"].as<bool>());
    EXPECT_EQ(context["capabilities"]["drop"][0].as<std::string>(), "ALL");
    EXPECT_TRUE(container["resources"]["requests"]["cpu"]);
    EXPECT_TRUE(container["resources"]["requests"]["memory"]);
    EXPECT_TRUE(container["resources"]["limits"]["memory"]);
  }
}

TEST(Kubernetes, SetsOnlyWhatBillhookReads) {
  Environment environment;
  for (const YAML::Node& variable : Pod()["containers"][0]["env"])
    environment[variable["name"].as<std::string>()] = variable["value"].as<std::string>();
  for (const auto& variable : Manifests().at("Secret")["stringData"])
    environment[variable.first.as<std::string>()] = variable.second.as<std::string>();
  for (const auto& [name, value] : environment) EXPECT_TRUE(IsVariable(name)) << name;
  EXPECT_EQ(Pod()["containers"][0]["envFrom"][0]["secretRef"]["name"].as<std::string>(),
            Manifests().at("Secret")["metadata"]["name"].as<std::string>());
  const auto config = ReadConfig(environment);
  ASSERT_TRUE(config) << config.error().front();
  EXPECT_EQ(config->port, Pod()["containers"][0]["ports"][0]["containerPort"].as<int>());
  const auto grace = std::chrono::seconds(Pod()["terminationGracePeriodSeconds"].as<int>());
  const auto pause =
      std::chrono::seconds(Pod()["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1].as<int>());
  EXPECT_GT(grace, config->shutdown_timeout + pause);
}

TEST(Kubernetes, ProbesWhatAnswers) {
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(database));
  http::Client client(serve.address());
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    const YAML::Node get = Pod()["containers"][0][probe]["httpGet"];
    EXPECT_EQ(client.Send("GET", get["path"].as<std::string>())->status, 200) << probe;
    EXPECT_EQ(get["port"].as<std::string>(), Pod()["containers"][0]["ports"][0]["name"].as<std::string>());
  }
}

TEST(Compose, SetsOnlyWhatBillhookReads) {
  const YAML::Node service = YAML::Load(Contents("docker-compose.yml"))["services"]["billhook"];
  for (const auto& variable : service["environment"])
    EXPECT_TRUE(IsVariable(variable.first.as<std::string>())) << variable.first;
  const auto grace = std::chrono::seconds(std::stoi(service["stop_grace_period"].as<std::string>()));
  EXPECT_GT(grace, ReadConfig({{"STRIPE_WEBHOOK_SECRET", "s"}})->shutdown_timeout);
}

// The unit with a program that is there.
class SystemdUnit : public ::testing::Test {
 protected:
  void SetUp() override {
    if (RunProgram({"systemd-analyze", "--version"}).status == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no systemd-analyze: deploy/packages.sh test";
    GTEST_SKIP() << "no systemd-analyze: deploy/packages.sh test";
  }
  SystemdUnit() {
    fs::create_directories(directory_);
    const std::regex program("ExecStart=[^ ]*");
    std::ofstream(unit()) << std::regex_replace(text_, program, "ExecStart=" + BillhookBinary());
  }
  ~SystemdUnit() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string unit() const { return directory_ / "billhook.service"; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const std::string text_ = Contents("deploy/billhook.service");
  const fs::path directory_ = fs::temp_directory_path() / ("billhook-unit-" + std::to_string(getpid()));
};

TEST_F(SystemdUnit, IsWellFormed) {
  const Finished verified = RunProgram({"systemd-analyze", "verify", "--man=no", unit()});
  EXPECT_EQ(verified.status, 0) << verified.err;
  EXPECT_EQ(verified.err.find("billhook.service"), std::string::npos) << verified.err;
}

TEST_F(SystemdUnit, LeavesLittleExposed) {
  // In tenths: 0 is nothing, 100 all.
  const Finished checked =
      RunProgram({"systemd-analyze", "security", "--offline=yes", "--threshold=20", unit()});
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
}

TEST_F(SystemdUnit, WaitsLongerForTheEndThanBillhookTakes) {
  std::smatch seconds;
  ASSERT_TRUE(std::regex_search(text(), seconds, std::regex("\nTimeoutStopSec=([0-9]+)\n")));
  EXPECT_GT(std::chrono::seconds(std::stoi(seconds[1])),
            ReadConfig({{"STRIPE_WEBHOOK_SECRET", "s"}})->shutdown_timeout);
}

class Alerts : public ::testing::Test {
 protected:
  void SetUp() override {
    if (RunProgram({"promtool", "--version"}).status == 0) return;
    if (std::getenv("CI") != nullptr) FAIL() << "no promtool: deploy/packages.sh test";
    GTEST_SKIP() << "no promtool: deploy/packages.sh test";
  }
};

TEST_F(Alerts, AreRulesThatPrometheusTakes) {
  const Finished checked =
      RunProgram({"promtool", "check", "rules", SourceDirectory() + "/deploy/alerts.yml"});
  EXPECT_EQ(checked.status, 0) << checked.out << checked.err;
}

TEST_F(Alerts, FireOnWhatTheyAreAboutAndOnNothingElse) {
  const Finished tested =
      RunProgram({"promtool", "test", "rules", SourceDirectory() + "/tests/deploy/alerts_test.yml"});
  EXPECT_EQ(tested.status, 0) << tested.out << tested.err;
}

TEST_F(Alerts, AreEachTestedAndExplained) {
  const std::string tests = Contents("tests/deploy/alerts_test.yml");
  const std::string runbook = Contents("docs/operations.md");
  for (const YAML::Node& rule : YAML::Load(Contents("deploy/alerts.yml"))["groups"][0]["rules"]) {
    const std::string name = rule["alert"].as<std::string>();
    EXPECT_NE(tests.find("alertname: " + name + "\n"), std::string::npos) << name << " is tested to fire";
    EXPECT_NE(runbook.find("### " + name + "\n"), std::string::npos)
        << name << " has its place in the runbook";
    std::string anchor = name;
    std::transform(anchor.begin(), anchor.end(), anchor.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(rule["annotations"]["runbook"].as<std::string>(), "docs/operations.md#" + anchor);
  }
}

}  // namespace
}  // namespace billhook::test
