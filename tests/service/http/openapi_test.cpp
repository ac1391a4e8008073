// docs/openapi.json against the service: the same routes, parameters and roles, and every operation answers
// as it says, driven with the document's own examples over the events of openapi_events.jsonl.
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "service/commands/schema.h"
#include "tests/support/paths.h"
#include "tests/support/running_service.h"

namespace billhook::test {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr const char* kTenantSecret = "whsec_acme";
const Environment kEnvironment = {{"STRIPE_WEBHOOK_SECRET__ACME", kTenantSecret},
                                  {"API_KEYS", "reader:reader:r,operator:operator:o,admin:admin:a"}};
const http::Fields kAdmin = {{"Authorization", "Bearer a"}};

std::string Contents(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(SourceDirectory() + "/" + path, std::ios::binary).rdbuf();
  return text.str();
}

const Ordered& Document() {
  static const Ordered kDocument = Ordered::parse(Contents("docs/openapi.json"));
  return kDocument;
}

Ordered Resolved(const Ordered& value) {
  const auto reference = value.find("$ref");
  return reference == value.end()
             ? value
             : Document().at(Ordered::json_pointer(reference->get<std::string>().substr(1)));
}

// A schema that stands alone, and in which an object has no members but those it names.
Ordered Closed(const Ordered& schema) {
  Ordered closed = Resolved(schema);
  if (closed.is_object() && closed.contains("properties") && !closed.contains("additionalProperties"))
    closed["additionalProperties"] = false;
  if (closed.contains("format") && closed.at("type").is_array()) {
    // valijson would ask the format of null too.
    Ordered value = closed;
    value["type"] = closed.at("type").at(0);
    return {{"anyOf", {value, {{"type", "null"}}}}};
  }
  for (auto& [name, member] : closed.items()) {
    if (name == "properties") {
      for (auto& [key, property] : member.items()) property = Closed(property);
    } else if (name == "items" || (name == "additionalProperties" && member.is_object())) {
      member = Closed(member);
    } else if (name == "oneOf" || name == "anyOf") {
      for (Ordered& choice : member) choice = Closed(choice);
    }
  }
  return closed;
}

struct Operation {
  std::string method;
  std::string path;
  Ordered text;

  [[nodiscard]] std::string Name() const { return method + " " + path; }
  [[nodiscard]] std::vector<Ordered> Parameters(const std::string& in) const {
    std::vector<Ordered> parameters;
    for (const Ordered& reference : text.value("parameters", Ordered::array())) {
      Ordered parameter = Resolved(reference);
      if (parameter.at("in") == in) parameters.push_back(std::move(parameter));
    }
    return parameters;
  }
  [[nodiscard]] std::string Role() const {
    const Ordered& security = text.at("security");
    return security.empty() || !security.at(0).contains("apiKey") ? "" : security.at(0).at("apiKey").at(0);
  }
};

std::vector<Operation> Operations() {
  std::vector<Operation> operations;
  for (const auto& [path, methods] : Document().at("paths").items()) {
    for (const auto& [method, text] : methods.items())
      operations.push_back({method == "get" ? "GET" : method == "post" ? "POST" : "DELETE", path, text});
  }
  return operations;
}

std::string AsText(const Ordered& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// What the document says of such an answer must hold.
void ExpectAsDocumented(const Operation& operation, const Answer& answer) {
  const std::string status = std::to_string(answer.status);
  const std::string what = operation.Name() + ": " + status + " " + answer.body.substr(0, 1'000);
  ASSERT_TRUE(operation.text.at("responses").contains(status)) << what;
  const Ordered documented = Resolved(operation.text.at("responses").at(status));
  const Ordered headers = documented.value("headers", Ordered::object());
  for (const auto& [name, header] : headers.items())
    EXPECT_NE(answer.Header(name), "") << name << " in " << what;
  if (!documented.contains("content")) {
    EXPECT_EQ(answer.body, "") << what;
    return;
  }
  const auto content = documented.at("content").begin();
  ASSERT_TRUE(answer.Header("Content-Type").starts_with(content.key())) << what;
  if (content.key().find("json") == std::string::npos) return;
  for (const InputFault& fault :
       Schema(Closed(content.value().at("schema")).dump()).Check(Json::parse(answer.body), ""))
    ADD_FAILURE() << fault.pointer << ": " << fault.detail << " in " << what;
}

// The first of its examples, or nothing.
std::string Body(const Operation& operation) {
  if (!operation.text.contains("requestBody")) return "";
  const Ordered& examples =
      operation.text.at("requestBody").at("content").at("application/json").at("examples");
  return Resolved(examples.front()).at("value").dump();
}

// IDs that nobody knows beforehand: the member that tells one, and the path that it then stands in.
const std::map<std::string, std::string> kIdsToCome = {{"command_id", "/api/v1/commands/{id}"},
                                                       {"saga_id", "/api/v1/sagas/{id}"}};

// Sends what the document gives as examples, in its order.
class Driver {
 public:
  Driver() : service_(kEnvironment) {
    std::istringstream events(Contents("tests/service/http/openapi_events.jsonl"));
    for (std::string body; std::getline(events, body);) Note(service_.PostWebhook(body));
    const Ordered branch = Document().at("components").at("parameters").at("Branch").at("example");
    EXPECT_EQ(service_.Send("POST", "/api/v1/branches", kAdmin, Ordered({{"name", branch}}).dump()).status,
              201);
  }

  void Drive(const Operation& operation) {
    if (operation.text.contains("requestBody")) {
      const Ordered& examples =
          operation.text.at("requestBody").at("content").at("application/json").at("examples");
      for (const auto& [name, reference] : examples.items())
        Expect(operation, Send(operation, Resolved(reference).at("value").dump()));
      return;
    }
    Expect(operation, Send(operation, ""));
    if (operation.method == "GET") DriveOptionalParameters(operation);
    if (operation.path == "/api/v1/projections/{name}/rebuild") AwaitRebuild(operation);
  }

  // Of a list that was never seen with a row nothing is known.
  void ExpectThatListsHadRows() const {
    for (const auto& [name, rows] : rows_) EXPECT_GT(rows, 0U) << name;
  }

  Answer Send(const Operation& operation, const std::string& body, const std::string& more = "") {
    http::Fields headers = kAdmin;
    if (operation.path.starts_with("/webhooks/")) {
      const bool tenant = operation.path.ends_with("{tenant}");
      headers = {{"Stripe-Signature", service_.Signature(body, 0, tenant ? kTenantSecret : kSecret)}};
    }
    return Note(service_.Send(operation.method,
                              PathOf(operation) + QueryOf(operation, more.starts_with("branch=")) + more,
                              headers, body));
  }

  [[nodiscard]] std::string PathOf(const Operation& operation) const {
    std::string path = operation.path;
    for (const Ordered& parameter : operation.Parameters("path")) {
      const std::string name = "{" + parameter.at("name").get<std::string>() + "}";
      const auto latest = latest_ids_.find(operation.path);
      path.replace(path.find(name), name.size(),
                   latest == latest_ids_.end() ? AsText(parameter.at("example")) : latest->second);
    }
    return path;
  }

  // The required parameters, and a wait until everything so far is shown; a branch has positions of its own.
  [[nodiscard]] std::string QueryOf(const Operation& operation, bool on_branch) const {
    std::string query = "?";
    for (const Ordered& parameter : operation.Parameters("query")) {
      const std::string name = parameter.at("name");
      if (parameter.value("required", false)) query += name + "=" + AsText(parameter.at("example")) + "&";
      if (name == "min_position" && !on_branch)
        query += "min_position=" + std::to_string(position_) + "&wait_ms=20000&";
    }
    return query;
  }

  RunningService& service() { return service_; }

 private:
  Answer Note(Answer answer) {
    const std::string position = answer.Header("X-Position");
    if (!position.empty()) position_ = std::max<std::int64_t>(position_, std::stoll(position));
    if (answer.status > 202 || answer.body.empty() || answer.body.front() != '{') return answer;
    const Json body = Json::parse(answer.body);
    for (const auto& [member, path] : kIdsToCome) {
      if (body.contains(member)) latest_ids_[path] = body.at(member);
    }
    return answer;
  }

  void Expect(const Operation& operation, const Answer& answer) {
    EXPECT_LT(answer.status, 300) << operation.Name() << ": " << answer.body;
    ExpectAsDocumented(operation, answer);
    const Json body = Json::parse(answer.body, nullptr, false);
    if (body.is_object() && body.contains("data") && body.at("data").is_array() && operation.method == "GET")
      rows_[operation.Name()] += body.at("data").size();
  }

  void DriveOptionalParameters(const Operation& operation) {
    for (const Ordered& parameter : operation.Parameters("query")) {
      const std::string name = parameter.at("name");
      if (!parameter.contains("example") || parameter.value("required", false) || name == "min_position" ||
          name == "wait_ms")
        continue;
      const bool past = name == "time_axis" && operation.path != "/api/v1/events";
      Expect(operation, Send(operation, "",
                             name + "=" + AsText(parameter.at("example")) +
                                 (past ? "&as_of=2026-05-31T23:59:59Z" : "")));
    }
  }

  // A dead letter cannot be tried while its projection is being rebuilt.
  void AwaitRebuild(const Operation& operation) {
    std::string path = PathOf(operation);
    path.resize(path.rfind('/'));
    while (!service_.Get(path, kAdmin).Json().at("rebuild").is_null()) {
    }
  }

  RunningService service_;
  std::int64_t position_ = 0;
  std::map<std::string, std::string> latest_ids_;  // by the path that they stand in
  std::map<std::string, std::size_t> rows_;
};

TEST(OpenApi, DocumentsEachRouteWithItsParametersAndItsRoleAndNoOther) {
  const RunningService service;
  const auto describe = [](const std::string& name, std::set<std::string> parameters,
                           const std::string& role) {
    std::string text = name + " " + role;
    for (const std::string& parameter : parameters) text += " " + parameter;
    return text;
  };
  std::set<std::string> routes;
  for (const http::Route& route : service.api().routes()) {
    routes.insert(describe(route.method + " " + route.pattern,
                           {route.query_parameters.begin(), route.query_parameters.end()},
                           route.role ? std::string(NameOf(*route.role)) : ""));
  }
  std::set<std::string> documented;
  for (const Operation& operation : Operations()) {
    std::set<std::string> parameters;
    for (const Ordered& parameter : operation.Parameters("query")) parameters.insert(parameter.at("name"));
    documented.insert(describe(operation.Name(), parameters, operation.Role()));
  }
  EXPECT_EQ(documented, routes);
}

TEST(OpenApi, IsServedAsItStandsInTheSourceWithTheProgramsVersion) {
  RunningService service;
  EXPECT_EQ(service.Get("/openapi.json").body, Contents("docs/openapi.json"));
  EXPECT_EQ(Document().at("info").at("version"), BILLHOOK_VERSION);
}

TEST(OpenApi, TellsWhatEveryOperationAnswersToItsExamples) {
  Driver driver;
  for (const Operation& operation : Operations()) driver.Drive(operation);
  driver.ExpectThatListsHadRows();
}

TEST(OpenApi, TellsHowEveryOperationRefuses) {
  Driver driver;
  RunningService& service = driver.service();
  const std::string branch = Document().at("components").at("parameters").at("Branch").at("example");
  const std::map<std::string, std::string> weaker = {{"operator", "r"}, {"admin", "o"}};
  for (const Operation& operation : Operations()) {
    if (operation.Role().empty()) continue;
    const auto send = [&](const std::string& key, const std::string& query, const std::string& body) {
      const http::Fields headers =
          key.empty() ? http::Fields{} : http::Fields{{"Authorization", "Bearer " + key}};
      Answer answer = service.Send(operation.method, driver.PathOf(operation) + query, headers, body);
      ExpectAsDocumented(operation, answer);
      return answer;
    };
    EXPECT_EQ(send("", "", "").status, 401) << operation.Name();
    const auto low = weaker.find(operation.Role());
    if (low != weaker.end()) {
      EXPECT_EQ(send(low->second, "", "").status, 403) << operation.Name();
    }
    // The lowest role is refused nothing but a branch: no other 403 can happen, and none is told of.
    const std::vector<Ordered> query = operation.Parameters("query");
    const bool takes_branch = std::any_of(query.begin(), query.end(),
                                          [](const Ordered& one) { return one.at("name") == "branch"; });
    EXPECT_EQ(operation.text.at("responses").contains("403"), operation.Role() != "reader" || takes_branch)
        << operation.Name();
    if (operation.Role() == "reader") {
      const Answer on_branch =
          send("r", driver.QueryOf(operation, true) + "branch=" + branch, Body(operation));
      EXPECT_EQ(on_branch.status, takes_branch ? 403 : 422) << operation.Name() << on_branch.body;
    }
    EXPECT_EQ(send("a", "?nonsense=1", "").Code(), "invalid_parameter") << operation.Name();
    if (!operation.text.contains("requestBody")) continue;
    EXPECT_EQ(send("a", "", "{").Code(), "json_malformed") << operation.Name();
    EXPECT_EQ(send("a", "", R"({"nonsense":1})").status, 422) << operation.Name();
  }
}

TEST(OpenApi, IsAPageForPeopleThatNeedsNothingFromElsewhereAndRunsNothing) {
  RunningService service;
  const Answer page = service.Get("/docs");
  ASSERT_EQ(page.status, 200);
  for (const Operation& operation : Operations()) {
    const std::string id = operation.text.at("operationId");
    EXPECT_NE(page.body.find("id=\"" + id + "\""), std::string::npos) << id;
  }
  for (const auto& [name, schema] : Document().at("components").at("schemas").items())
    EXPECT_NE(page.body.find("id=\"" + name + "\""), std::string::npos) << name;
  for (const char* foreign : {"<script", "<img", "<iframe", "src=", "href=\"http", "url(", "@import"})
    EXPECT_EQ(page.body.find(foreign), std::string::npos) << foreign;
  const std::string policy = page.Header("Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; style-src 'sha256-")) << policy;
}

}  // namespace
}  // namespace billhook::test
