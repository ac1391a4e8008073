// Hostile JSON under a right signature, the whole way on both engines: refused, or recorded as it stands.
// What is recorded stops no projection, comes back byte for byte, and survives export, import and verify.
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "domain/stripe/envelope.h"
#include "projections/registry.h"
#include "service/storage/event_log.h"
#include "service/transfer/import.h"
#include "tests/support/bodies.h"
#include "tests/support/exported_log.h"
#include "tests/support/running_service.h"
#include "tests/support/test_database.h"

namespace billhook::test {
namespace {

constexpr std::size_t kMaxBody = 4 << 20;

std::string Repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  repeated.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string Nested(std::size_t depth, const std::string& open, const std::string& close) {
  return Repeat(open, depth) + "0" + Repeat(close, depth);
}

// A hundred thousand members, or as many copies of one.
std::string ManyKeys(bool alike) {
  std::string members;
  for (int i = 0; i < 100'000; ++i)
    members += ",\"k" + std::to_string(alike ? 0 : i) + "\":" + std::to_string(i);
  return members;
}

// Where `ID` ends a string, the case's own event ID goes, so that each is about an object of its own.
std::string Event(const std::string& object, const std::string& type = "customer.subscription.updated",
                  const std::string& more = "") {
  return R"({"id":"ID","object":"event","type":")" + type + R"(","created":1767225600,"livemode":true)" +
         more + R"(,"data":{"object":)" + object + "}}";
}

// A good subscription but for what stands in `members`.
std::string Subscription(const std::string& members, const std::string& id = "sub_ID") {
  const std::string good = SubscriptionEvent("evt", id, "active");
  const std::size_t object = good.find(R"({"object":{)") + 10;
  std::string inside = good.substr(object, good.size() - object - 2);
  inside.insert(1, members.empty() ? "" : members + ",");
  return Event(inside);
}

std::string Charge(const std::string& amount, const std::string& more = "") {
  return Event(
      R"({"id":"ch_ID","object":"charge","status":"succeeded","captured":true,"created":1767225599,"amount":)" +
          amount + R"(,"amount_captured":)" + amount + R"(,"amount_refunded":0,"currency":"usd")" + more +
          "}",
      "charge.succeeded");
}

struct Case {
  const char* name;
  std::string body;
};

const std::vector<Case>& Recorded() {
  static const std::vector<Case> kCases = {
      {"as deep as may be", Subscription(R"("x":)" + Nested(509, "[", "]"))},
      {"objects as deep as may be", Subscription(R"("x":)" + Nested(509, R"({"a":)", "}"))},
      {"a large text", Subscription(R"("x":")" + std::string(kMaxBody / 2, 'x') + "\"")},
      {"a key inside twice", Subscription(R"("status":"canceled")")},
      {"a key inside twice, once escaped", Subscription(R"("st\u0061tus":"canceled")")},
      {"a key that no read model reads twice", Subscription(R"("metadata":{"a":1,"a":1})")},
      {"a key far from the object twice",
       Event(R"({"id":"sub_ID","object":"subscription"})", "customer.subscription.updated",
             R"(,"request":{"id":"req_1","id":"req_1"})")},
      {"the object's ID twice", Subscription(R"("id":"sub_2")")},
      {"the object twice",
       R"({"id":"ID","object":"event","type":"customer.updated","created":1,"data":{)"
       R"("object":{"object":"customer","id":"cus_1"},"object":{"object":"customer","id":"cus_2"}}})"},
      {"100,000 keys", Subscription("\"x\":0" + ManyKeys(false))},
      {"100,000 keys in metadata", Subscription(R"("metadata":{"x":0)" + ManyKeys(false) + "}")},
      {"100,000 keys alike", Subscription("\"x\":0" + ManyKeys(true))},
      {"100,000 keys beside the object", Event("{}", "a.b", ManyKeys(false))},
      {"an integer beyond int64", Charge("9223372036854775808")},
      {"an integer far beyond int64", Charge("1" + std::string(5000, '0'))},
      {"an integer below int64", Charge("-9223372036854775809")},
      {"the least int64", Charge("-9223372036854775808")},
      {"the greatest int64", Charge("9223372036854775807")},
      {"a number beyond a double", Charge("1e999")},
      {"a number next to nothing", Charge("1e-999")},
      {"an exponent beyond int", Charge("1e99999999999999999999")},
      {"a fraction", Charge("1000.0")},
      {"minus nothing", Charge("-0")},
      {"NUL as an escape", Subscription(R"("customer":"cus\u0000")")},
      {"NUL in a key", Subscription(R"("\u0000":1)")},
      {"a lone high surrogate", Subscription(R"("customer":"\ud802")")},
      {"a lone low surrogate", Subscription(R"("customer":"\udc02x")")},
      {"surrogates the wrong way round", Subscription(R"("x":"\udc02\ud802")")},
      {"a lone surrogate as a key", Subscription(R"("\ud802":1)")},
      {"U+FFFF and U+FDD0", Subscription("\"x\":\"\xef\xbf\xbf\xef\xb7\x90\"")},
      {"line separators", Subscription("\"x\":\"\xe2\x80\xa8\xe2\x80\xa9\"")},
      {"a turned writing direction", Subscription("\"x\":\"\xe2\x80\xae\"")},
      {"DEL and C1 controls", Subscription("\"customer\":\"\x7f\xc2\x85\"")},
      {"the unit separator in an ID", Subscription(R"("x":0)", R"(sub\u001flive)")},
      {"an ID of 255 characters", Subscription(R"("x":0)", std::string(255, 'i'))},
      {"an ID of 255 characters of four bytes", Subscription(R"("x":0)", Repeat("\xf0\x9f\x92\xb8", 255))},
      {"an ID of 256 characters", Subscription(R"("x":0)", std::string(256, 'i'))},
      {"an empty ID", Subscription(R"("x":0)", "")},
      {"an ID with slashes", Subscription(R"("x":0)", "a/../b//c")},
      {"an ID with per cent signs", Subscription(R"("x":0)", "100%25%2f%00%zz")},
      {"an ID of two dots", Subscription(R"("x":0)", "..")},
      {"an ID like a query", Subscription(R"("x":0)", "a?b=c&d#e+f g")},
      {"an ID like SQL", Subscription(R"("x":0)", R"(x'); DROP TABLE events;--)")},
      {"an ID like an array of SQL", Subscription(R"("x":0)", R"({\"a\\\\,NULL})")},
      {"an ID like a marker", Subscription(R"("x":0)", "$1")},
      {"an ID in Unicode", Subscription(R"("x":0)", "sub_\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xb8")},
      {"an ID that is an escape", Subscription(R"("x":0)", R"(\u0073ub\/\"\\)")},
      {"an ID that is blank", Subscription(R"("x":0)", "   ")},
      {"a stranger's type", Event(R"({"id":"x_1","object":"'; --"})", R"(%_\\'\"$1)")},
      {"a type of 255 characters of four bytes",
       Event(R"({"id":"x_1","object":")" + Repeat("\xf0\x9f\x92\xb8", 255) + "\"}",
             Repeat("\xf0\x9f\x92\xb8", 255))},
      {"types of JSON swapped",
       Event(R"({"id":{"object":"subscription"},"object":["subscription"],"items":7})")},
      {"no object", R"({"id":"ID","type":"customer.subscription.updated","created":0})"},
      {"an array for data", R"({"id":"ID","type":"charge.succeeded","created":0,"data":[[]]})"},
      {"the last second",
       R"({"id":"ID","type":"charge.succeeded","created":253402300799,"data":{"object":null}})"},
      {"a command's name",
       Event(R"({"id":"acc_1","object":"prepaid_account","account_id":"acc_1","amount":5})",
             "MoneyDeposited")},
      {"a booking's name",
       Event(R"({"id":"p_1","object":"ledger","payment_id":"p_1","amount":5,"currency":"usd"})",
             "ManualPaymentRecorded")},
      {"odd spacing", "\r\n\t {\"id\" : \"ID\"\r,\"type\":\t\"a\",\"created\"\n: 7 }\n\n"},
  };
  return kCases;
}

const std::vector<Case>& Refused() {
  const std::string good = Subscription("\"x\":0");
  static const std::vector<Case> kCases = {
      {"too deep", Subscription(R"("x":)" + Nested(510, "[", "]"))},
      {"far too deep", Subscription(R"("x":)" + Nested(1'000'000, "[", "]"))},
      {"never closed", Repeat(R"({"a":)", 500'000)},
      {"the ID twice", R"({"id":"ID","id":"ID","type":"a","created":1})"},
      {"the ID twice, once escaped", R"({"id":"ID","\u0069d":"ID","type":"a","created":1})"},
      {"another key of the envelope twice", R"({"id":"ID","type":"a","created":1,"x":1,"x":1})"},
      {"100,000 keys of the envelope alike", Event("{}", "a.b", ManyKeys(true))},
      {"bad UTF-8", Subscription("\"x\":\"\xff\"")},
      {"UTF-8 cut short", Subscription("\"x\":\"\xe2\x82\"")},
      {"UTF-8 too long", Subscription("\"x\":\"\xc0\xaf\"")},
      {"a surrogate in UTF-8", Subscription("\"x\":\"\xed\xa0\x80\"")},
      {"beyond Unicode", Subscription("\"x\":\"\xf4\x90\x80\x80\"")},
      {"UTF-16", std::string("{\0\"\0i\0", 6)},
      {"NUL in a text", Subscription("\"x\":\"" + std::string(1, '\0') + "\"")},
      {"NUL behind the event", good + std::string(1, '\0')},
      {"a byte order mark", "\xef\xbb\xbf" + good},
      {"a comment", Subscription("\"x\":0/*y*/")},
      {"NaN", Subscription("\"x\":NaN")},
      {"a hexadecimal number", Subscription("\"x\":0x10")},
      {"a number with a plus", Subscription("\"x\":+1")},
      {"a trailing comma", Subscription("\"x\":[1,]")},
      {"two events", good + good},
      {"an array of events", "[" + good + "]"},
      {"a line feed in a text", Subscription("\"x\":\"\n\"")},
      {"created beyond RFC 3339", R"({"id":"ID","type":"a","created":253402300800})"},
      {"created beyond int64", R"({"id":"ID","type":"a","created":99999999999999999999})"},
      {"created as a fraction", R"({"id":"ID","type":"a","created":1e3})"},
      {"NUL in the ID", R"({"id":"ID\u0000","type":"a","created":1})"},
      {"a lone surrogate in the ID", R"({"id":"ID\ud800","type":"a","created":1})"},
      {"the unit separator in the type", R"({"id":"ID","type":"a\u001fb","created":1})"},
      {"an ID of 256 characters", R"({"id":")" + std::string(256, 'i') + R"(","type":"a","created":1})"},
  };
  return kCases;
}

std::string Named(const Case& of, const std::string& event_id) {
  std::string body = of.body;
  for (std::size_t at = body.find("ID\""); at != std::string::npos; at = body.find("ID\"", at))
    body.replace(at, 2, event_id);
  return body;
}

std::string PercentEncoded(const std::string& text) {
  std::string encoded;
  for (char c : text) {
    char byte[4];
    std::snprintf(byte, sizeof byte, "%%%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += byte;
  }
  return encoded;
}

class HostileJson : public OnEachEngine {
 protected:
  void Start() {
    service_ = std::make_unique<RunningService>(
        Environment{{"DATABASE_URL", database().url()}, {"MAX_BODY_BYTES", std::to_string(kMaxBody)}});
  }
  RunningService& service() { return *service_; }
  void Stop() { service_.reset(); }

  // Sends every case that is to be recorded; the bodies in order.
  std::vector<std::string> RecordAll() {
    std::vector<std::string> bodies;
    for (const Case& hostile : Recorded()) {
      const std::string id = "evt_" + std::to_string(bodies.size() + 1);
      bodies.push_back(Named(hostile, id));
      const Answer answer = service().PostWebhook(bodies.back());
      EXPECT_EQ(answer.status, 200) << hostile.name << ": " << answer.body.substr(0, 500);
      if (answer.status != 200) continue;
      EXPECT_EQ(answer.Json()["event_id"], id) << hostile.name;
      EXPECT_EQ(answer.Json()["position"], bodies.size()) << hostile.name;
    }
    return bodies;
  }

 private:
  std::unique_ptr<RunningService> service_;
};

INSTANTIATE_TEST_SUITE_P(Engines, HostileJson, ::testing::Values(Engine::kSqliteFile, Engine::kPostgres),
                         EngineName);

TEST_P(HostileJson, IsRefusedWithoutATraceWhereItIsNoEvent) {
  Start();
  for (const Case& hostile : Refused()) {
    const Answer answer = service().PostWebhook(Named(hostile, "evt_1"));
    EXPECT_EQ(answer.status, 400) << hostile.name;
    EXPECT_EQ(answer.Code(), "payload_invalid") << hostile.name;
  }
  EXPECT_EQ(service().PostWebhook(Subscription("\"x\":\"" + std::string(kMaxBody, 'x') + "\"")).status, 413);
  EXPECT_EQ(service().Get("/api/v1/statistics").Json()["latest_position"], 0);
}

TEST_P(HostileJson, IsRecordedOnceAndComesBackByteForByte) {
  Start();
  const std::vector<std::string> bodies = RecordAll();
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    const char* name = Recorded()[i].name;
    const Answer again = service().PostWebhook(bodies[i]);
    EXPECT_EQ(again.Json()["duplicate"], true) << name;
    EXPECT_EQ(again.Json()["position"], i + 1) << name;
    const Answer listed = service().Get("/api/v1/events?limit=1&after_position=" + std::to_string(i));
    EXPECT_NE(listed.body.find("\"payload\":" + bodies[i] + ","), std::string::npos) << name;

    const stripe::Envelope envelope = stripe::ReadEnvelope(bodies[i]).value();
    const std::string stream = PercentEncoded(envelope.aggregate_id);
    const std::string type = PercentEncoded(envelope.aggregate_type);
    const Answer one = service().Get("/api/v1/events/" + stream + "?limit=100&aggregate_type=" + type);
    EXPECT_EQ(one.status, 200) << name;
    EXPECT_NE(one.body.find("\"payload\":" + bodies[i] + ","), std::string::npos) << name;
    const nlohmann::json asked = {{"aggregate_id", envelope.aggregate_id},
                                  {"aggregate_type", envelope.aggregate_type}};
    for (const char* path : {"/api/v1/replay", "/api/v1/temporal-query", "/api/v1/snapshots"}) {
      const Answer state = service().Post(path, asked.dump());
      EXPECT_LT(state.status, 500) << name << " " << path << ": " << state.body.substr(0, 500);
    }
  }
}

TEST_P(HostileJson, StopsNoProjection) {
  Start();
  const std::size_t hostile = RecordAll().size();
  ASSERT_EQ(service().PostWebhook(SubscriptionEvent("evt_good", "sub_good", "active")).status, 200);
  ASSERT_EQ(service().PostWebhook(ChargeEvent("evt_paid", "ch_good", "1500")).status, 200);
  const std::string shown = "min_position=" + std::to_string(hostile + 2) + "&wait_ms=30000";
  for (const Projection* projection : AllProjections()) {
    const nlohmann::json status =
        service().Get("/api/v1/projections/" + std::string(projection->name()) + "?" + shown).Json();
    EXPECT_EQ(status.value("status", ""), "running") << status;
    EXPECT_TRUE(status.contains("last_error") && status["last_error"].is_null()) << status;
  }
  EXPECT_EQ(service().Get("/api/v1/subscriptions/sub_good").Json()["status"], "active");
  EXPECT_EQ(service().Get("/api/v1/ledger/entries?source=ch_good").Json()["data"].size(), 1U);
  EXPECT_EQ(service().Get("/api/v1/ledger/entries?type=manual_payment").Json()["data"].size(), 0U)
      << "a webhook books nothing under a command's name";
  EXPECT_EQ(service().Get("/api/v1/projections/account_balance/state?key=acc_1").status, 404);
  EXPECT_EQ(service().Get("/api/v1/dead-letters?projection=statistics").Json()["data"].size(), 0U);
  // A key that stands twice has no meaning that all readers share: no read model takes the one or the other.
  const nlohmann::json letters =
      service().Get("/api/v1/dead-letters?projection=subscriptions&limit=100").Json()["data"];
  std::set<std::string> set_aside;
  for (const nlohmann::json& letter : letters) set_aside.insert(letter["event_id"]);
  for (std::size_t i = 0; i < hostile; ++i) {
    const std::string name = Recorded()[i].name;
    const bool repeats = name.find("twice") != std::string::npos && name != "the object twice";
    if (repeats || name == "100,000 keys alike") {
      EXPECT_EQ(set_aside.count("evt_" + std::to_string(i + 1)), 1U) << name;
    }
    if (!repeats || name == "the object's ID twice") continue;
    const nlohmann::json asked = {{"aggregate_id", "sub_evt_" + std::to_string(i + 1)}};
    const nlohmann::json replayed = service().Post("/api/v1/replay", asked.dump()).Json();
    EXPECT_TRUE(replayed.contains("state") && replayed["state"].is_null()) << name << replayed;
  }
}

TEST_P(HostileJson, SurvivesExportImportAndVerify) {
  Start();
  const std::size_t hostile = RecordAll().size();
  Stop();
  std::string lines;
  {
    const auto origin = database().Open();
    lines = ExportOf(*origin);
  }
  const TestDatabase other(GetParam() == Engine::kPostgres ? Engine::kSqliteFile : Engine::kPostgres);
  BILLHOOK_REQUIRE_DATABASE(other);
  const auto taken_over = other.Open();
  storage::EventLog log(*taken_over);
  std::istringstream in(lines);
  const transfer::ImportReport report = transfer::Import(in, log, [](std::int64_t, std::int64_t) {});
  EXPECT_EQ(report.refusal, "");
  EXPECT_EQ(report.imported, static_cast<std::int64_t>(hostile));
  EXPECT_EQ(ExportOf(*taken_over), lines);
}

}  // namespace
}  // namespace billhook::test
