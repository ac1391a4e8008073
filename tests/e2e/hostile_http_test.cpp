// The real binary, straight at its port, against peers that mean harm, while real webhooks go on: each of
// those is answered 200, memory stays bounded, no descriptor leaks. Each attack prints a row: attack,
// connections or inputs, peak memory, the webhooks' p99 meanwhile, outcome.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include "domain/stripe/signature.h"
#include "domain/time.h"
#include "service/clock.h"
#include "tests/support/billhook_process.h"
#include "tests/support/bodies.h"
#include "tests/support/peer.h"
#include "tests/support/sanitizer.h"
#include "tests/support/served_facts.h"

namespace billhook::test {
namespace {

using http::Peer;
using std::chrono::steady_clock;

constexpr std::size_t kMebibyte = 1 << 20;
// What all requests under way may hold together, and the process beside them.
constexpr std::size_t kMostMemory = 512 * kMebibyte;
// What of a hundred real webhooks ninety-nine are answered within, whatever others send.
constexpr double kMostMilliseconds = 1'000;
constexpr std::size_t kPoolSize = 2;
constexpr std::size_t kOtherSessions = 10;  // of projections, sagas, snapshots: opened when there is work

// Skips the test where this process may not open so many descriptors, or fails it where CI is set.
#define BILLHOOK_REQUIRE_OPEN_FILES(count)                                                      \
  if (MostOpenFiles() < (count)) {                                                              \
    if (std::getenv("CI") != nullptr) FAIL() << "raise the hard limit: ulimit -Hn " << (count); \
    GTEST_SKIP() << "needs a hard limit of open files (ulimit -Hn) of " << (count);             \
  }

// As many descriptors as this process may have, from now on.
std::size_t MostOpenFiles() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : 0;
}

std::string SignedHeader(const std::string& body) {
  return "Stripe-Signature: " +
         stripe::SignatureHeader(kServeSecret, SystemClock() / kMicrosPerSecond, body) + "\r\n";
}

// A whole signed webhook.
std::string Webhook(const std::string& event_id) {
  const std::string body = CustomerEvent(event_id);
  return http::Post("/webhooks/stripe", body, SignedHeader(body));
}

std::string Chunked(const std::string& body, std::size_t chunk) {
  std::ostringstream request;
  request << "POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\n"
          << SignedHeader(body) << "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t at = 0; at < body.size(); at += chunk) {
    const std::string piece = body.substr(at, chunk);
    request << std::hex << piece.size() << "\r\n" << piece << "\r\n";
  }
  request << "0\r\n\r\n";
  return request.str();
}

std::string Repeated(std::string_view text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// Bytes, from /proc/PID/status.
std::size_t Memory(pid_t pid, const std::string& field) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoul(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

std::size_t OpenDescriptors(pid_t pid) {
  const std::filesystem::directory_iterator open("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(open), end(open)));
}

// Webhooks that arrive on two connections of their own until End.
class Deliveries {
 public:
  explicit Deliveries(const std::string& address) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this, address, i] { Post(address, i); });
  }
  ~Deliveries() { End(); }
  Deliveries(const Deliveries&) = delete;
  Deliveries& operator=(const Deliveries&) = delete;

  // Returns once so many more have been answered.
  void AwaitMore(std::size_t count) const {
    for (std::size_t before = answered_, now = before; now < before + count && refused_ == 0; now = answered_)
      answered_.wait(now);
  }
  void End() {
    ending_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  [[nodiscard]] std::size_t answered() const { return answered_; }
  [[nodiscard]] std::size_t refused() const { return refused_; }
  // Once ended.
  [[nodiscard]] double P99Milliseconds() {
    if (latencies_.empty()) return 0;
    std::sort(latencies_.begin(), latencies_.end());
    return std::chrono::duration<double, std::milli>(latencies_[latencies_.size() * 99 / 100]).count();
  }

 private:
  void Post(const std::string& address, int number) {
    http::Client client(address);
    for (int i = 0; !ending_; ++i) {
      const auto start = steady_clock::now();
      const auto answer =
          PostEvent(client, CustomerEvent("evt_live_" + std::to_string(number) + "_" + std::to_string(i)));
      {
        const std::lock_guard lock(mutex_);
        latencies_.push_back(steady_clock::now() - start);
      }
      if (!answer || answer->status != 200) {
        ADD_FAILURE() << "a real webhook was answered " << (answer ? answer->body : client.error());
        ++refused_;
        ending_ = true;
      }
      ++answered_;
      answered_.notify_all();
    }
  }

  std::atomic<bool> ending_{false};
  std::atomic<std::size_t> answered_{0};
  std::atomic<std::size_t> refused_{0};
  std::mutex mutex_;
  std::vector<steady_clock::duration> latencies_;
  std::vector<std::thread> threads_;
};

class HostileHttp : public ::testing::Test {
 protected:
  HostileHttp() : serve_(Environment()), deliveries_(std::in_place, serve_.address()) {
    deliveries_->AwaitMore(2'000);  // what work as usual keeps is there now
    descriptors_ = OpenDescriptors(serve_.pid());
    resident_ = Memory(serve_.pid(), "VmRSS");
  }

  // What must hold after each attack.
  void TearDown() override {
    deliveries_->AwaitMore(50);
    AwaitDescriptors();
    deliveries_->End();
    const std::size_t peak = Memory(serve_.pid(), "VmHWM");
    const std::size_t after = MemoryGivenBack();
    if (!kUnderAddressSanitizer && !kUnderThreadSanitizer) {  // which keep much beside
      EXPECT_LT(peak, kMostMemory);
      EXPECT_LT(after, resident_ + most_kept_) << "memory is given back";
      EXPECT_LT(deliveries_->P99Milliseconds(), kMostMilliseconds) << "real webhooks wait";
    }
    serve_.Signal(SIGTERM);
    EXPECT_EQ(serve_.Wait(), 0);
    ExpectWholeLog(database_);
    std::cout << "| " << attack_ << " | " << inputs_ << " | " << peak / kMebibyte << " MiB (before "
              << resident_ / kMebibyte << ", after " << after / kMebibyte << ") | " << std::fixed
              << std::setprecision(1) << deliveries_->P99Milliseconds() << " ms of "
              << deliveries_->answered() << " | " << outcome_ << " |\n";
  }

  void Report(const std::string& attack, std::size_t inputs, const std::string& outcome) {
    attack_ = attack;
    inputs_ = inputs;
    outcome_ = outcome;
  }

  [[nodiscard]] const std::string& address() const { return serve_.address(); }
  [[nodiscard]] pid_t pid() const { return serve_.pid(); }
  Deliveries& deliveries() { return *deliveries_; }
  // Of memory, after the attack: the webhooks beside it cost some too.
  void ExpectKeptAtMost(std::size_t bytes) { most_kept_ = bytes; }

  // The status of the one answer to what is sent; 0 for none.
  int StatusAfter(const std::string& bytes) {
    Peer peer(address());
    peer.Send(bytes);
    return peer.Read().status;
  }

 private:
  std::map<std::string, std::string> Environment() const {
    std::map<std::string, std::string> environment = EnvironmentFor(database_);
    // Under a thread sanitizer a request of a mebibyte among hundreds takes longer than three seconds to be
    // read.
    environment["HTTP_REQUEST_TIMEOUT_MS"] = kUnderThreadSanitizer ? "15000" : "3000";
    environment["HTTP_IDLE_TIMEOUT_MS"] = "6000";
    environment["DB_POOL_SIZE"] = std::to_string(kPoolSize);
    return environment;
  }

  // Until all connections but the deliveries' are closed; database sessions that were opened meanwhile may
  // stay.
  void AwaitDescriptors() {
    const std::size_t most = descriptors_ + 6 * (kPoolSize + kOtherSessions);
    const auto deadline = steady_clock::now() + std::chrono::seconds(30);
    while (OpenDescriptors(serve_.pid()) > most && steady_clock::now() < deadline) deliveries_->AwaitMore(10);
    EXPECT_LE(OpenDescriptors(serve_.pid()), most) << "descriptors leak";
  }

  // What is kept once that is within bounds, or a while later: it goes back in the background.
  std::size_t MemoryGivenBack() const {
    const auto kept = [this] { return Memory(serve_.pid(), "VmRSS"); };
    Await([&] { return kept() < resident_ + most_kept_; }, std::chrono::seconds(5));
    return kept();
  }

  const TestDatabase database_{Engine::kSqliteFile};
  ServeProcess serve_;
  std::optional<Deliveries> deliveries_;
  std::size_t descriptors_ = 0;
  std::size_t resident_ = 0;
  std::size_t most_kept_ = 32 * kMebibyte;
  std::string attack_;
  std::size_t inputs_ = 0;
  std::string outcome_;
};

// Sends a byte a second on each until all are answered; how many answers of each status came.
std::map<int, int> Drip(std::vector<Peer>& peers) {
  std::map<int, int> statuses;
  while (!peers.empty()) {
    std::vector<pollfd> watched;
    for (const Peer& peer : peers) watched.push_back({peer.socket(), POLLIN, 0});
    const int heard = poll(watched.data(), watched.size(), 1'000);
    std::vector<Peer> left;
    for (std::size_t i = 0; i < peers.size(); ++i) {
      if (watched[i].revents != 0) {
        ++statuses[peers[i].Read().status];
        continue;
      }
      if (heard == 0) peers[i].Send("a");
      left.push_back(std::move(peers[i]));
    }
    peers.swap(left);
  }
  return statuses;
}

TEST_F(HostileHttp, FiveHundredThatDripAByteASecond) {
  std::vector<Peer> peers;
  for (int i = 0; i < 500; ++i) {
    peers.emplace_back(address());
    const bool in_body = i % 2 == 0;
    peers.back().Send(std::string("POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\n") +
                      (in_body ? "Content-Length: 1000\r\n\r\n" : "X-Slow: "));
  }
  const std::map<int, int> statuses = Drip(peers);
  EXPECT_EQ(statuses, (std::map<int, int>{{408, 500}}));
  Report("a byte a second, in header or body", 500, "each 408 after HTTP_REQUEST_TIMEOUT_MS");
}

TEST_F(HostileHttp, HeadersAndBodiesThatNoLimitAllows) {
  // A sanitizer takes longer for a million chunks of a byte than a request may take.
  const std::string chunk = kUnderAddressSanitizer || kUnderThreadSanitizer
                                ? "10\r\n" + std::string(16, 'x') + "\r\n"
                                : "1\r\nx\r\n";
  const std::string head = "POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\n";
  const std::map<std::string, std::pair<std::string, int>> inputs = {
      {"a header of 64 KB", {head + "X-A: " + std::string(64'000, 'a') + "\r\n\r\n", 431}},
      {"a header line without end", {head + "X-A: " + std::string(2 * kMebibyte, 'a'), 431}},
      {"headers without end", {head + Repeated("X-A: b\r\n", 200'000), 431}},
      {"a thousand headers", {head + Repeated("X-A: b\r\n", 1'000) + "\r\n", 431}},
      {"an address without end", {"GET /" + std::string(2 * kMebibyte, 'a'), 414}},
      {"10 GB announced", {head + "Content-Length: 10000000000\r\n\r\n", 413}},
      {"more than 64 bits announced", {head + "Content-Length: 99999999999999999999999\r\n\r\n", 400}},
      {"a length and a coding",
       {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400}},
      {"two lengths", {head + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400}},
      {"a list of lengths", {head + "Content-Length: 3, 3\r\n\r\nabc", 400}},
      {"a negative length", {head + "Content-Length: -1\r\n\r\n", 400}},
      {"a chunk size that is none", {head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400}},
      {"a negative chunk size", {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400}},
      {"a chunk size beyond 64 bits",
       {head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400}},
      {"a chunk size of 2^63", {head + "Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\n", 413}},
      {"chunks without end",
       {head + "Transfer-Encoding: chunked\r\n\r\n" + Repeated(chunk, kMebibyte + 2), 413}},
      {"chunk extensions without end",
       {head + "Transfer-Encoding: chunked\r\n\r\n" +
            Repeated("1;a=" + std::string(900, 'b') + "\r\nx\r\n", 1'000),
        431}},
      {"trailers without end",
       {head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + Repeated("X-A: b\r\n", 200'000), 431}},
      {"a coding twice",
       {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400}},
      {"an unknown coding", {head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400}},
      {"a TLS greeting", {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), 400}},
      {"HTTP/2's preface", {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505}},
      {"zero bytes", {std::string(100'000, '\0'), 400}},
  };
  constexpr int kRounds = 20;
  for (int round = 0; round < kRounds; ++round) {
    for (const auto& [name, input] : inputs) EXPECT_EQ(StatusAfter(input.first), input.second) << name;
  }
  Report(std::to_string(inputs.size()) + " kinds of malformed or oversized requests", inputs.size() * kRounds,
         "each its 400, 413, 414, 431 or 505");
}

TEST_F(HostileHttp, LargeBodiesThatNeverEnd) {
  constexpr int kPeers = 400;
  ExpectKeptAtMost(16 * kMebibyte);
  const std::string almost = "POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\nContent-Length: 1048576\r\n\r\n" +
                             std::string(kMebibyte - 1, 'x');
  std::vector<Peer> peers;
  for (int i = 0; i < kPeers; ++i) {
    peers.emplace_back(address());
    peers.back().Send(almost);
  }
  std::map<int, int> statuses;
  for (Peer& peer : peers) ++statuses[peer.Read().status];
  EXPECT_GT(statuses[503], 0) << "more than the memory for requests under way is refused";
  EXPECT_GT(statuses[408], 0) << "and what fits gets its time";
  EXPECT_EQ(statuses[503] + statuses[408], kPeers);
  Report("bodies of 1 MiB less a byte, kept open", kPeers,
         std::to_string(statuses[503]) + " x 503 (budget), " + std::to_string(statuses[408]) + " x 408");
}

TEST_F(HostileHttp, ChunkedUploadsOfEverySize) {
  int recorded = 0;
  for (std::size_t chunk = 1; chunk <= 200; ++chunk)
    recorded +=
        StatusAfter(Chunked(CustomerEvent("evt_chunked_" + std::to_string(chunk)), chunk)) == 200 ? 1 : 0;
  EXPECT_EQ(recorded, 200);
  // Up to the limit of a body, and one byte more: what a webhook may weigh is MAX_BODY_BYTES however it is
  // framed.
  const std::string event = CustomerEvent("evt_large");
  for (const std::size_t size : {kMebibyte - 1, kMebibyte, kMebibyte + 1}) {
    for (const std::size_t chunk : {std::size_t{7}, std::size_t{4'096}, size})
      EXPECT_EQ(StatusAfter(Chunked(event + std::string(size - event.size(), ' '), chunk)),
                size > kMebibyte ? 413 : 200)
          << size << " in chunks of " << chunk;
  }
  Report("chunked webhooks in pieces of 1 to 200 bytes, and around 1 MiB", 209,
         "each 200, beyond the limit 413");
}

TEST_F(HostileHttp, PipelinesOldVersionsAndExpectations) {
  constexpr int kPipelined = 1'000;
  std::string all;
  for (int i = 0; i < kPipelined; ++i) all += Webhook("evt_pipelined_" + std::to_string(i));
  {
    Peer peer(address());
    std::thread sender([&] { peer.Send(all); });
    for (int i = 0; i < kPipelined; ++i) {
      const http::RawAnswer answer = peer.Read();
      ASSERT_EQ(answer.status, 200);
      ASSERT_NE(answer.body.find("\"evt_pipelined_" + std::to_string(i) + "\""), std::string::npos)
          << "in order";
    }
    sender.join();
  }
  const std::string body = CustomerEvent("evt_expected");
  Peer expecting(address());
  expecting.Send("POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\n" + SignedHeader(body) +
                 "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_EQ(expecting.Read().status, 100);
  expecting.Send(body);
  EXPECT_EQ(expecting.Read().status, 200);
  Peer refused(address());
  refused.Send(
      "POST /webhooks/stripe HTTP/1.1\r\nHost: l\r\nExpect: 100-continue\r\nContent-Length: "
      "10000000000\r\n\r\n");
  EXPECT_EQ(refused.Read().status, 413) << "instead of the go-ahead";

  const std::string old = CustomerEvent("evt_old");
  Peer old_peer(address());
  old_peer.Send("POST /webhooks/stripe HTTP/1.0\r\n" + SignedHeader(old) +
                "Content-Length: " + std::to_string(old.size()) + "\r\n\r\n" + old);
  EXPECT_EQ(old_peer.Read().status, 200);
  EXPECT_TRUE(old_peer.SeesEnd()) << "HTTP/1.0 ends with the answer";
  Report("pipelined webhooks on one connection, Expect, HTTP/1.0", kPipelined + 3, "all 200, in order");
}

TEST_F(HostileHttp, FloodsOfPipelinedHealthChecksKeepNobodyOut) {
  const std::string checks = Repeated(http::Get("/health/live"), 1'000);
  constexpr int kFlooders = 3;
  std::atomic<bool> ending{false};
  std::atomic<std::size_t> flooded{0};
  std::vector<std::thread> flooders;
  for (int i = 0; i < kFlooders; ++i) {
    flooders.emplace_back([&] {
      Peer peer(address());
      std::thread reader([&] { flooded += peer.ReadToEnd().size(); });
      while (!ending) peer.Send(checks);
      peer.EndSending();
      reader.join();
    });
  }
  deliveries().AwaitMore(300);
  ending = true;
  for (std::thread& flooder : flooders) flooder.join();
  EXPECT_GT(flooded, kMebibyte) << "it was a flood";
  Report("floods of pipelined /health/live, " + std::to_string(flooded / kMebibyte) + " MiB of answers",
         kFlooders, "served, webhooks beside them");
}

// Of each page some 100 KB go out, so each flooder takes its answers before it asks again.
TEST_F(HostileHttp, FloodsOfPipelinedScrapesKeepNobodyOut) {
  constexpr int kFlooders = 40;
  constexpr int kPipelined = 20;
  const std::string scrapes = Repeated(http::Get("/metrics"), kPipelined);
  std::atomic<bool> ending{false};
  std::atomic<std::size_t> flooded{0};
  std::vector<std::thread> flooders;
  for (int i = 0; i < kFlooders; ++i) {
    flooders.emplace_back([&] {
      Peer peer(address());
      while (!ending) {
        peer.Send(scrapes);
        for (int answer = 0; answer < kPipelined; ++answer) flooded += peer.Read().body.size();
      }
    });
  }
  deliveries().AwaitMore(300);
  ending = true;
  for (std::thread& flooder : flooders) flooder.join();
  EXPECT_GT(flooded, 10 * kMebibyte) << "it was a flood";
  Report("floods of pipelined /metrics, " + std::to_string(flooded / kMebibyte) + " MiB of answers",
         kFlooders, "served, webhooks beside them");
}

// Each document would take some 10 MiB.
TEST_F(HostileHttp, BodiesOfAsManyUnknownMembersAsTheyHaveRoomFor) {
  constexpr int kPeers = 40;
  const std::string query = http::Post(
      "/api/v1/queries", R"({"query_type":"GetStatistics","filters":)" + ManyMembers(70'000) + "}");
  const std::string command =
      http::Post("/api/v1/commands", R"({"command_type":"DepositMoney","data":)" + ManyMembers(70'000) + "}");
  std::vector<Peer> peers;
  for (int i = 0; i < kPeers; ++i) {
    peers.emplace_back(address());
    peers.back().Send(i % 2 == 0 ? query : command);
  }
  std::map<int, int> statuses;
  for (Peer& peer : peers) ++statuses[peer.Read().status];
  EXPECT_GT(statuses[422], 0);
  EXPECT_EQ(statuses[422] + statuses[503], kPeers) << "503: more than there is memory for at once";
  Report("queries and commands of 70,000 unknown members", kPeers,
         std::to_string(statuses[422]) + " x 422, " + std::to_string(statuses[503]) + " x 503 (budget)");
}

TEST_F(HostileHttp, ResetsAndEndsAtEveryMoment) {
  const std::string request = Webhook("evt_cut_off");
  std::size_t peers = 0;
  for (std::size_t sent = 0; sent <= request.size(); ++sent) {
    for (int kind = 0; kind < 3; ++kind, ++peers) {
      Peer peer(address());
      peer.Send(std::string_view(request).substr(0, sent));
      if (kind == 0) peer.Reset();
      if (kind == 1) peer.EndSending();
    }
  }
  Report("resets, ends and half-closes after every byte of a webhook", peers,
         "closed, nothing recorded twice");
}

TEST_F(HostileHttp, TenThousandConnectionsThatAreLeftOpen) {
  constexpr std::size_t kConnections = 10'000;
  BILLHOOK_REQUIRE_OPEN_FILES(kConnections + 300);
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < kConnections; ++i) {
    peers.emplace_back(address());
    // A third says nothing, a third something, a third asks and stays.
    if (i % 3 == 1) peers.back().Send("POST /webhooks/stripe HTTP/1.1\r\nX-A: " + std::string(4'000, 'a'));
    if (i % 3 == 2) peers.back().Send(http::Get("/metrics"));
  }
  int left_without_a_word = 0;
  std::map<int, int> statuses;
  for (Peer& peer : peers) {
    const http::RawAnswer answer = peer.Read();
    ++(answer.status == 0 ? left_without_a_word : statuses[answer.status]);
  }
  constexpr int kThird = kConnections / 3;
  EXPECT_NEAR(left_without_a_word, kThird, 1);
  EXPECT_NEAR(statuses[408], kThird, 1);
  EXPECT_NEAR(statuses[200], kThird, 1);
  for (Peer& peer : peers) EXPECT_TRUE(peer.SeesEnd()) << "each is closed when its time is over";
  Report("connections opened and left (a third silent, one in mid-header, one after an answer)", kConnections,
         "closed by the idle and request timeouts");
}

TEST(HostileConnections, TakeNoDescriptorsFromTheDatabase) {
  constexpr std::size_t kOpenFiles = 300;
  const TestDatabase database(Engine::kSqliteFile);
  ServeProcess serve(EnvironmentFor(database), kOpenFiles);
  http::Client client(serve.address());
  ASSERT_EQ(PostEvent(client, CustomerEvent("evt_before"))->status, 200);
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < 2 * kOpenFiles; ++i) peers.emplace_back(serve.address());
  EXPECT_EQ(PostEvent(client, CustomerEvent("evt_during"))->status, 200);
  for (const char* path : {"/health/ready", "/api/v1/statistics", "/api/v1/customers"})
    EXPECT_EQ(client.Send("GET", path)->status, 200) << path;
  EXPECT_LT(OpenDescriptors(serve.pid()), kOpenFiles - 20);
  serve.Signal(SIGTERM);
  EXPECT_EQ(serve.Wait(), 0);
}

}  // namespace
}  // namespace billhook::test
