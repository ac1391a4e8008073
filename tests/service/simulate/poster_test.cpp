#include "service/simulate/poster.h"

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "domain/stripe/signature.h"
#include "service/http/server.h"

namespace billhook::simulate {
namespace {

constexpr std::int64_t kNow = 1'790'000'000;

// A receiver that keeps the contract unless `spoil` changes its answer.
class Receiver {
 public:
  using Spoil = std::function<void(std::uint64_t request, http::Response& response)>;

  explicit Receiver(Spoil spoil = [](std::uint64_t, http::Response&) {})
      : spoil_(std::move(spoil)),
        server_(
            {}, 2, [this](const http::Request& request) { return Answer(request); },
            [](const http::Request&, http::Fault) {
              return http::Response{400, "text/plain", "", {}};
            }) {
    EXPECT_EQ(server_.Start("127.0.0.1", 0), "");
  }
  ~Receiver() { server_.Stop(std::chrono::steady_clock::now() + std::chrono::seconds(5)); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::string address() const { return server_.address(); }

  std::uint64_t badly_signed = 0;
  std::set<std::string> paths;

 private:
  http::Response Answer(const http::Request& request) {
    const std::lock_guard lock(mutex_);
    paths.insert(request.path);
    const std::string* header = request.Header("Stripe-Signature");
    if (header == nullptr || !stripe::VerifySignature(*header, request.body, {"whsec_test"}, kNow, 0))
      ++badly_signed;
    const std::string id = nlohmann::json::parse(request.body)["id"];
    const auto [place, is_new] = positions_.try_emplace(id, positions_.size() + 1);
    http::Response response;
    const nlohmann::json answer = {
        {"received", true}, {"duplicate", !is_new}, {"event_id", id}, {"position", place->second}};
    response.body = answer.dump();
    spoil_(requests_++, response);
    return response;
  }

  Spoil spoil_;
  std::mutex mutex_;
  std::uint64_t requests_ = 0;
  std::map<std::string, std::size_t> positions_;
  http::Server server_;
};

PostSummary PostTo(const Receiver& receiver, PostOptions options = {}, double duplicates_percent = 0) {
  Deliveries deliveries(
      {.history = {.seed = 1, .events = 200}, .shuffle = true, .duplicates_percent = duplicates_percent});
  options.base_url = receiver.address();
  options.secret = "whsec_test";
  options.connections = 3;
  return Post(
      deliveries, options, [](std::uint64_t) {}, [] { return kNow * kMicrosPerSecond; });
}

TEST(Poster, SignsAndPostsEachEventAndCountsTheAnswers) {
  Receiver receiver;
  const PostSummary summary = PostTo(receiver, {.path = "/webhooks/stripe/acme"}, 25);
  EXPECT_TRUE(summary.good()) << testing::PrintToString(summary.faults);
  EXPECT_EQ(summary.deliveries, 250U);
  EXPECT_EQ(summary.recorded, 200U);
  EXPECT_EQ(summary.duplicates, 50U);
  EXPECT_EQ(summary.status_codes, (std::map<int, std::uint64_t>{{200, 250}}));
  EXPECT_GT(summary.PerSecond(), 0);
  EXPECT_GT(summary.p50_ms, 0);
  EXPECT_LE(summary.p50_ms, summary.p99_ms);
  EXPECT_LE(summary.p99_ms, summary.max_ms);
  EXPECT_EQ(receiver.badly_signed, 0U);
  EXPECT_EQ(receiver.paths, (std::set<std::string>{"/webhooks/stripe/acme"}));
}

TEST(Poster, KeepsThePace) {
  Receiver receiver;
  const PostSummary summary = PostTo(receiver, {.rate = 2'000});
  EXPECT_GE(summary.posting_s, 0.099);
  EXPECT_TRUE(summary.good());
}

TEST(Poster, TriesAgainWhenToldTo) {
  Receiver receiver([](std::uint64_t request, http::Response& response) {
    if (request != 5) return;
    response.status = 503;
    response.headers.emplace_back("retry-after", "0");
  });
  const PostSummary summary = PostTo(receiver);
  EXPECT_TRUE(summary.good()) << testing::PrintToString(summary.faults);
  EXPECT_EQ(summary.status_codes, (std::map<int, std::uint64_t>{{200, 200}, {503, 1}}));
  EXPECT_EQ(summary.tried_again, 1U);
  EXPECT_EQ(summary.duplicates, 1U);  // this receiver had recorded it all the same
}

TEST(Poster, CallsAWrongAnswerWrong) {
  const std::map<std::string, Receiver::Spoil> spoils = {
      {"status", [](std::uint64_t, http::Response& response) { response.status = 400; }},
      {"no json", [](std::uint64_t, http::Response& response) { response.body = "ok"; }},
      {"not received",
       [](std::uint64_t, http::Response& response) {
         response.body.replace(response.body.find("\"received\":true"), 15, "\"received\":null");
       }},
      {"another event",
       [](std::uint64_t, http::Response& response) {
         response.body.replace(response.body.find("evt_"), 5, "evt_!");
       }},
      {"a false duplicate",
       [](std::uint64_t, http::Response& response) {
         response.body.replace(response.body.find("false"), 5, "true");
       }},
      {"position 0",
       [](std::uint64_t, http::Response& response) {
         response.body =
             nlohmann::json::parse(response.body)
                 .patch(nlohmann::json::parse(R"([{"op":"replace","path":"/position","value":0}])"))
                 .dump();
       }},
  };
  for (const auto& [name, spoil] : spoils) {
    Receiver receiver([&spoil = spoil](std::uint64_t request, http::Response& response) {
      if (request == 5) spoil(request, response);
    });
    const PostSummary summary = PostTo(receiver);
    EXPECT_EQ(summary.wrong, 1U) << name;
    EXPECT_EQ(summary.faults.size(), 1U) << name;
    EXPECT_FALSE(summary.good()) << name;
  }
}

TEST(Poster, NoticesAnEventThatIsRecordedTwiceAndAPositionGivenTwice) {
  Receiver never_duplicate([](std::uint64_t, http::Response& response) {
    nlohmann::json answer = nlohmann::json::parse(response.body);
    answer["duplicate"] = false;
    response.body = answer.dump();
  });
  EXPECT_EQ(PostTo(never_duplicate, {}, 10).wrong, 20U);

  Receiver one_position([](std::uint64_t request, http::Response& response) {
    nlohmann::json answer = nlohmann::json::parse(response.body);
    if (request == 7) answer["position"] = 3;
    response.body = answer.dump();
  });
  EXPECT_EQ(PostTo(one_position).wrong, 1U);
}

TEST(Poster, AcceptsDuplicatesOfAnEarlierRunWhenToldSo) {
  Receiver receiver;
  EXPECT_TRUE(PostTo(receiver).good());
  EXPECT_EQ(PostTo(receiver).wrong, 200U);
  const PostSummary again = PostTo(receiver, {.sent_before = true});
  EXPECT_TRUE(again.good());
  EXPECT_EQ(again.duplicates, 200U);
}

TEST(Poster, GivesUpABadAddress) {
  Deliveries deliveries({.history = {.seed = 1, .events = 50}});
  const PostSummary summary =
      Post(deliveries, {.base_url = "nowhere", .secret = "s", .connections = 1, .first_pause = {}},
           [](std::uint64_t) {});
  EXPECT_EQ(summary.unanswered, 50U);
  EXPECT_FALSE(summary.good());
  EXPECT_FALSE(summary.faults.empty());
}

TEST(PostSummary, IsShownAsATableAndAsJson) {
  Receiver receiver;
  const PostSummary summary = PostTo(receiver);
  const std::string table = AsTable(summary);
  for (const char* word : {"status", "200", "events/s", "p50", "p99", "recorded", "duplicate"}) {
    EXPECT_NE(table.find(word), std::string::npos) << word;
  }
  const nlohmann::json json = nlohmann::json::parse(AsJson(summary));
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["status_codes"]["200"], 200);
  EXPECT_EQ(json["recorded"], 200);
  EXPECT_TRUE(json["latency_ms"]["p99"].is_number());
}

}  // namespace
}  // namespace billhook::simulate
