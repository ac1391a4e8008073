// The files of deploy/ against what they must agree with: each other, the configuration, the routes, and the
// tools that read them. What no tool at hand can judge (Kubernetes' own checks) is held to rules written
// here.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "service/config.h"
#include "tests/support/billhook_process.h"
#include "tests/support/paths.h"
#include "tests/support/postgres_server.h"
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
      for (const YAML::Node& document : YAML::LoadAllFromFile(file.path().string())) {
        if (document["kind"].as<std::string>() != "Secret")
          manifests[document["kind"].as<std::string>()] = document;
      }
    }
    return manifests;
  }();
  return kManifests;
}

// What the example of that secret holds.
Environment ExampleSecret(const std::string& name) {
  Environment environment;
  for (const YAML::Node& document : YAML::LoadAll(Contents("deploy/kubernetes/secret.example.yaml"))) {
    EXPECT_EQ(document["kind"].as<std::string>(), "Secret");
    if (document["metadata"]["name"].as<std::string>() != name) continue;
    for (const auto& variable : document["stringData"])
      environment[variable.first.as<std::string>()] = variable.second.as<std::string>();
  }
  EXPECT_FALSE(environment.empty()) << "no example of " << name;
  return environment;
}

YAML::Node Pod() {
  return Manifests().at("Deployment")["spec"]["template"]["spec"];
}

std::string Text(const YAML::Node& node) {
  return YAML::Dump(node);
}

// What a pod gets: envFrom, and over it env.
Environment PodEnvironment(Environment from_env_file) {
  for (const YAML::Node& variable : Pod()["containers"][0]["env"]) {
    const std::string name = variable["name"].as<std::string>();
    if (variable["value"]) {
      from_env_file[name] = variable["value"].as<std::string>();
      continue;
    }
    const YAML::Node secret = variable["valueFrom"]["secretKeyRef"];
    EXPECT_FALSE(secret["optional"]) << name << ": without it no pod may start";
    from_env_file[name] = ExampleSecret(secret["name"].as<std::string>()).at(secret["key"].as<std::string>());
  }
  return from_env_file;
}

// The settings of .env.example that are not commented out.
Environment ExampleEnvFile() {
  Environment environment;
  std::istringstream lines(Contents(".env.example"));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with('#') && equals != std::string::npos)
      environment[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return environment;
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
       {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"})
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
  const Environment environment = PodEnvironment(ExampleSecret("billhook"));
  for (const auto& [name, value] : environment) EXPECT_TRUE(IsVariable(name)) << name;
  EXPECT_EQ(Pod()["containers"][0]["envFrom"][0]["secretRef"]["name"].as<std::string>(), "billhook");
  const auto config = ReadConfig(environment);
  ASSERT_TRUE(config) << config.error().front();
  EXPECT_EQ(config->port, Pod()["containers"][0]["ports"][0]["containerPort"].as<int>());
  const auto grace = std::chrono::seconds(Pod()["terminationGracePeriodSeconds"].as<int>());
  const auto pause =
      std::chrono::seconds(Pod()["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1].as<int>());
  EXPECT_GT(grace, config->shutdown_timeout + pause);
}

// A secret made of .env.example, as docs say, brings the DATABASE_URL of a file along.
TEST(Kubernetes, NeverGivesAPodADatabaseOfItsOwn) {
  Environment env_file = ExampleEnvFile();
  ASSERT_TRUE(env_file["DATABASE_URL"].starts_with("sqlite://"));
  env_file.merge(ExampleSecret("billhook"));
  const auto config = ReadConfig(PodEnvironment(env_file));
  ASSERT_TRUE(config) << config.error().front();
  EXPECT_TRUE(config->database_url.starts_with("postgresql://")) << config->database_url;
  EXPECT_EQ(config->host, "0.0.0.0");
  EXPECT_FALSE(ExampleSecret("billhook").contains("DATABASE_URL"));
}

// Only name servers may stand anywhere.
TEST(Kubernetes, LetsPodsOutToNamedAddressesAlone) {
  for (const YAML::Node& rule : Manifests().at("NetworkPolicy")["spec"]["egress"]) {
    for (const YAML::Node& port : rule["ports"]) {
      if (port["port"].as<int>() == 53) continue;
      EXPECT_GT(rule["to"].size(), 0U) << Text(rule);
    }
    for (const YAML::Node& peer : rule["to"])
      EXPECT_FALSE(peer["ipBlock"]["cidr"].as<std::string>().ends_with("/0")) << Text(rule);
  }
}

// No package of Debian has kubectl: where it is missing, the rules above are all that is checked.
TEST(Kubernetes, IsWhatKustomizeTakes) {
  if (RunProgram({"kubectl", "version", "--client"}).status != 0) GTEST_SKIP() << "no kubectl";
  const Finished built = RunProgram({"kubectl", "kustomize", SourceDirectory() + "/deploy/kubernetes"});
  ASSERT_EQ(built.status, 0) << built.err;
  std::map<std::string, YAML::Node> documents;
  for (const YAML::Node& document : YAML::LoadAll(built.out))
    documents[document["kind"].as<std::string>()] = document;
  EXPECT_EQ(documents.size(), 5U) << built.out;
  EXPECT_FALSE(documents.contains("Secret")) << "the example is applied by nobody";
  const YAML::Node container = documents.at("Deployment")["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["image"].as<std::string>().rfind("registry.example.com/billhook:", 0), 0U);
  EXPECT_EQ(Text(container["env"]).find("sqlite"), std::string::npos);
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
  for (const auto& variable : service["environment"]) {
    const std::string name = variable.first.as<std::string>();
    EXPECT_TRUE(IsVariable(name) || name == "PGPASSWORD") << name << " is neither billhook's nor libpq's";
  }
  const auto grace = std::chrono::seconds(std::stoi(service["stop_grace_period"].as<std::string>()));
  EXPECT_GT(grace, ReadConfig({{"STRIPE_WEBHOOK_SECRET", "s"}})->shutdown_timeout);
}

constexpr const char* kHardPassword = "p/a@s:s w%o#r?d&\\'\"";

// No URL's grammar stands in a password's way.
TEST(Compose, ReachesPostgresWithAnyPassword) {
  BILLHOOK_REQUIRE_PROGRAM(PostgresServer::kProgram);
  const fs::path rules = fs::temp_directory_path() / ("billhook-hba-" + std::to_string(getpid()));
  std::ofstream(rules) << "host all locked all scram-sha-256\nhost all all all trust\n";
  fs::permissions(rules, fs::perms::others_read, fs::perm_options::add);
  const PostgresServer server({.settings = {"hba_file=" + rules.string()}});
  std::string quoted = kHardPassword;
  quoted.insert(quoted.find('\''), "'");
  server.Execute("CREATE ROLE locked LOGIN PASSWORD '" + quoted + "'; GRANT ALL ON SCHEMA public TO locked");

  const YAML::Node variables =
      YAML::Load(Contents("docker-compose.yml"))["services"]["billhook"]["environment"];
  EXPECT_EQ(variables["PGPASSWORD"].as<std::string>(), "${POSTGRES_PASSWORD:-billhook}");
  const std::string url = variables["DATABASE_URL"].as<std::string>();
  EXPECT_EQ(url, "postgresql://billhook@postgres:5432/billhook");
  const std::string there = "postgresql://locked@" + server.host_and_port() + "/postgres";
  const auto migrated = [&](const std::string& password) {
    return RunBillhook({"migrate"}, {{"DATABASE_URL", there}, {"PGPASSWORD", password}}).status;
  };
  EXPECT_EQ(migrated("wrong"), 1);
  EXPECT_EQ(migrated(kHardPassword), 0);
  fs::remove(rules);
}

// docker compose (a plugin), or docker-compose; no bare Debian has either.
class ComposeTool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (RunProgram({"docker", "compose", "version"}).status == 0) {
      command_ = {"docker", "compose"};
    } else if (RunProgram({"docker-compose", "version"}).status == 0) {
      command_ = {"docker-compose"};
    } else {
      GTEST_SKIP() << "neither docker compose nor docker-compose";
    }
    fs::create_directories(directory_);
    fs::copy_file(SourceDirectory() + "/docker-compose.yml", directory_ / "docker-compose.yml");
  }
  ~ComposeTool() override { fs::remove_all(directory_); }

  // What it makes of the file, with .env.example and these settings as .env.
  [[nodiscard]] Finished Config(const std::string& settings) const {
    std::ofstream(directory_ / ".env") << Contents(".env.example") << "\n" << settings;
    std::vector<std::string> command = command_;
    command.insert(command.end(), {"--project-directory", directory_, "--file",
                                   directory_ / "docker-compose.yml", "config"});
    return RunProgram(command, {{"HOME", directory_}});
  }

 private:
  std::vector<std::string> command_;
  const fs::path directory_ = fs::temp_directory_path() / ("billhook-compose-" + std::to_string(getpid()));
};

TEST_F(ComposeTool, TakesTheFile) {
  const Finished read = Config(
      "STRIPE_WEBHOOK_SECRET=whsec_1\nAPI_KEYS=me:admin:a-long-random-key\nPOSTGRES_PASSWORD='p/a@s:s'\n");
  ASSERT_EQ(read.status, 0) << read.err;
  const YAML::Node services = YAML::Load(read.out)["services"];
  const YAML::Node variables = services["billhook"]["environment"];
  EXPECT_EQ(variables["DATABASE_URL"].as<std::string>(), "postgresql://billhook@postgres:5432/billhook");
  EXPECT_EQ(variables["PGPASSWORD"].as<std::string>(), "p/a@s:s");
  EXPECT_EQ(services["postgres"]["environment"]["POSTGRES_PASSWORD"].as<std::string>(), "p/a@s:s");
  EXPECT_EQ(variables["HOST"].as<std::string>(), "0.0.0.0") << "not .env's";
  EXPECT_FALSE(services["postgres"]["ports"]);
}

TEST_F(ComposeTool, SaysWhatIsMissing) {
  const Finished keyless = Config("STRIPE_WEBHOOK_SECRET=whsec_1\n");
  EXPECT_NE(keyless.status, 0);
  EXPECT_NE(keyless.err.find("API_KEYS"), std::string::npos) << keyless.err;
}

// The image's HEALTHCHECK, for the billhook of an environment.
TEST(Healthcheck, AsksWhereBillhookListens) {
  const TestDatabase database(Engine::kSqliteFile);
  const std::string script = SourceDirectory() + "/deploy/healthcheck.sh";
  for (const char* host : {"127.0.0.1", "127.0.0.2", "0.0.0.0", "localhost", "::1", "::"}) {
    std::map<std::string, std::string> environment = EnvironmentFor(database);
    environment["HOST"] = host;
    environment["API_KEYS"] = "me:admin:a-long-random-key";
    environment["PORT"] = std::to_string(FreePort());
    const ProcessEnvironment asked = {{"HOST", host}, {"PORT", environment["PORT"]}};
    EXPECT_NE(RunProgram({"bash", script}, asked).status, 0) << host << ": nobody listens yet";
    if (std::string_view(host).starts_with(':') && !HasIpv6()) continue;
    ServeProcess serve(environment);
    const Finished checked = RunProgram({"bash", script}, asked);
    EXPECT_EQ(checked.status, 0) << host << ": " << checked.err;
  }
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
