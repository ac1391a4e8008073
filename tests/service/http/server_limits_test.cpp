#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

using std::chrono::milliseconds;

// The one answer on a connection of its own that is then closed.
RawAnswer LastAnswer(RunningServer& server, std::string_view bytes) {
  Peer peer(*server);
  peer.Send(bytes);
  RawAnswer answer = peer.Read();
  EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos) << answer.head;
  EXPECT_TRUE(peer.SeesEnd());
  return answer;
}

void AllowDescriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return;
  limit.rlim_cur = std::min(count, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

// So many whose requests wait for a worker, of which none is free.
std::vector<Peer> Waiting(RunningServer& server, std::size_t count) {
  std::vector<Peer> waiting;
  for (std::size_t i = 0; i < count; ++i) {
    waiting.emplace_back(*server);
    waiting.back().Send(Get("/waits"));
    while (server->stats().waiting_requests <= i) std::this_thread::yield();
  }
  return waiting;
}

TEST(HttpServerLimits, AnswersFaultsAndCloses) {
  RunningServer server(Echo);
  EXPECT_EQ(LastAnswer(server, "nonsense\r\n\r\n").body, "fault 400");
  EXPECT_EQ(LastAnswer(server, Post("/", "a", "Transfer-Encoding: chunked\r\n")).status, 400);
  EXPECT_EQ(LastAnswer(server, Post("/", "a", "Content-Length: 1\r\n")).status, 400);
  EXPECT_EQ(
      LastAnswer(server, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n").status,
      400);
  EXPECT_EQ(LastAnswer(server, "GET / HTTP/2.0\r\nHost: h\r\n\r\n").status, 505);
  EXPECT_EQ(LastAnswer(server, Get("/" + std::string(8 * 1024, 'u'))).status, 414);
  EXPECT_EQ(LastAnswer(server, Get("/", "A: " + std::string(64 * 1024, 'v') + "\r\n")).status, 431);
}

TEST(HttpServerLimits, AnswersAFaultAfterGoodRequests) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send(Get("/1") + "nonsense\r\n\r\n" + Get("/2"));
  EXPECT_EQ(peer.Read().status, 200);
  EXPECT_EQ(peer.Read().status, 400);
  EXPECT_TRUE(peer.SeesEnd());
}

TEST(HttpServerLimits, RefusesTheHundredAndFirstHeader) {
  RunningServer server(Echo);
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "A: b\r\n";
  Peer peer(*server);
  peer.Send(Get("/", lines));
  EXPECT_EQ(peer.Read().status, 200);
  EXPECT_EQ(LastAnswer(server, Get("/", lines + "A: b\r\n")).status, 431);
}

TEST(HttpServerLimits, StopsReadingEndlessHeaders) {
  Limits limits;
  limits.max_header_count = 1'000'000'000;
  RunningServer server(Echo, limits);
  std::string endless = "GET / HTTP/1.1\r\nHost: h\r\n";
  while (endless.size() < 4 << 20) endless += "A: b\r\n";
  EXPECT_EQ(LastAnswer(server, endless).status, 431);
}

TEST(HttpServerLimits, TakesABodyUpToTheLimitAndNoByteMore) {
  Limits limits;
  limits.max_body_bytes = 100'000;
  RunningServer server(Echo, limits);
  const std::string body(100'000, 'b');
  const std::string chunked_head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  Peer peer(*server);
  peer.Send(Post("/", body));
  EXPECT_EQ(peer.Read().body.size(), body.size() + 8);
  peer.Send(chunked_head + "186a0\r\n" + body + "\r\n0\r\n\r\n");
  EXPECT_EQ(peer.Read().body.size(), body.size() + 8);

  EXPECT_EQ(LastAnswer(server, Post("/", body + "b")).status, 413);
  EXPECT_EQ(LastAnswer(server, chunked_head + "186a1\r\n").status, 413);
  EXPECT_EQ(LastAnswer(server, chunked_head + "186a0\r\n" + body + "\r\n1\r\nb").status, 413);
}

TEST(HttpServerLimits, RefusesATooLargeBodyBeforeItIsSent) {
  RunningServer server(Echo);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n";
  EXPECT_EQ(LastAnswer(server, head + "\r\n").status, 413);
  EXPECT_EQ(LastAnswer(server, head + "Expect: 100-continue\r\n\r\n").status, 413);
}

TEST(HttpServerLimits, LetsAPeerThatSendsTooMuchReadItsAnswer) {
  RunningServer server(Echo);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(LastAnswer(server, Post("/", std::string(3 << 20, 'b'))).status, 413);
}

TEST(HttpServerLimits, AnswersTimeoutToASlowHeaderAndASlowBody) {
  Limits limits;
  limits.request_timeout = milliseconds(200);
  RunningServer server(Echo, limits);
  EXPECT_EQ(LastAnswer(server, "GET / HT").status, 408);
  EXPECT_EQ(LastAnswer(server, "\r\n").status, 408);
  EXPECT_EQ(LastAnswer(server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhell").status, 408);
  EXPECT_EQ(
      LastAnswer(server, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n").status,
      408);
}

TEST(HttpServerLimits, CountsTheRequestTimeFromItsFirstByteHoweverItDrips) {
  Limits limits;
  limits.request_timeout = milliseconds(200);
  RunningServer server(Echo, limits);
  Peer peer(*server);
  for (char byte : Get("/", "A: " + std::string(30'000, 'a') + "\r\n")) {
    peer.Send({&byte, 1});
    if (peer.HearsWithin(milliseconds(1))) break;
  }
  EXPECT_EQ(peer.Read().status, 408);
}

TEST(HttpServerLimits, CountsTheRequestTimeAnewForEachRequest) {
  Limits limits;
  limits.request_timeout = milliseconds(500);
  RunningServer server(Echo, limits);
  Peer peer(*server);
  const auto end = std::chrono::steady_clock::now() + milliseconds(800);
  while (std::chrono::steady_clock::now() < end) {
    peer.Send("GET / HTTP/1.1\r\n");
    peer.Send("Host: h\r\n\r\n");
    ASSERT_EQ(peer.Read().status, 200);
  }
  peer.Send("GET");
  EXPECT_EQ(peer.Read().status, 408);
}

TEST(HttpServerLimits, ClosesAnIdleConnectionWithoutAWord) {
  Limits limits;
  limits.idle_timeout = milliseconds(200);
  RunningServer server(Echo, limits);
  Peer fresh(*server);
  Peer used(*server);
  used.Send(Get("/"));
  EXPECT_EQ(used.Read().status, 200);
  EXPECT_TRUE(fresh.SeesEnd());
  EXPECT_TRUE(used.SeesEnd());
  EXPECT_EQ(server->stats().connections, 0U);
}

TEST(HttpServerLimits, ServesBesideThreeHundredSlowConnections) {
  RunningServer server(Echo, {}, 2);
  std::vector<Peer> slow;
  for (int i = 0; i < 300; ++i) {
    slow.emplace_back(*server);
    slow.back().Send(i % 2 == 0 ? "POST / HTTP/1.1\r\nHost:"
                                : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nslow");
  }
  Peer peer(*server);
  for (int i = 0; i < 100; ++i) {
    peer.Send(Post("/p", "quick"));
    ASSERT_EQ(peer.Read().status, 200);
  }
  for (std::size_t i = 0; i < slow.size(); ++i)
    slow[i].Send(i % 2 == 0 ? " h\r\nContent-Length: 0\r\n\r\n" : "-body");
  for (Peer& each : slow) ASSERT_EQ(each.Read().status, 200);
}

TEST(HttpServerLimits, ServesBesideTwoThousandIdleConnections) {
  AllowDescriptors(6000);
  RunningServer server(Echo, {}, 2);
  std::vector<Peer> idle;
  for (int i = 0; i < 2000; ++i) idle.emplace_back(*server);
  Peer peer(*server);
  for (int i = 0; i < 100; ++i) {
    peer.Send(Post("/p", "body"));
    ASSERT_EQ(peer.Read().status, 200);
  }
  EXPECT_EQ(server->stats().connections, 2001U);
  for (Peer& each : idle) each.Send(Get("/"));
  for (Peer& each : idle) ASSERT_EQ(each.Read().status, 200);
}

TEST(HttpServerLimits, MakesRoomBySendingThoseAwayThatHaveSaidNothingLongest) {
  Limits limits;
  limits.max_connections = 3;
  RunningServer server(Echo, limits);
  std::vector<Peer> before;
  for (int i = 0; i < 3; ++i) {
    before.emplace_back(*server);
    before.back().Send(Get("/"));
    ASSERT_EQ(before.back().Read().status, 200);
  }
  before[0].Send(Get("/"));
  ASSERT_EQ(before[0].Read().status, 200);
  std::vector<Peer> fresh;
  for (std::size_t gone : {1U, 2U}) {
    fresh.emplace_back(*server);
    fresh.back().Send("GET / HTTP/1.1\r\n");
    EXPECT_TRUE(before[gone].SeesEnd());
    before[0].Send(Get("/"));
    EXPECT_EQ(before[0].Read().status, 200);
    fresh.back().Send("Host: h\r\n\r\n");
    EXPECT_EQ(fresh.back().Read().status, 200);
  }
}

TEST(HttpServerLimits, MakesRoomWithTheAddressOfWhichThereAreMost) {
  Limits limits;
  limits.max_connections = 4;
  RunningServer server(Echo, limits);
  Peer caller(*server, "127.0.0.2");  // idle for longer than all others
  std::vector<Peer> strangers;
  for (int i = 0; i < 10; ++i) {
    strangers.emplace_back(*server);
    strangers.back().Send(Get("/"));
    ASSERT_EQ(strangers.back().Read().status, 200);
  }
  caller.Send(Get("/"));
  EXPECT_EQ(caller.Read().status, 200);
  EXPECT_TRUE(strangers.front().SeesEnd());
}

TEST(HttpServerLimits, MakesNoRoomAtTheCostOfWhoIsBeingServed) {
  std::latch entered(2);
  std::latch go(1);
  Limits limits;
  limits.max_connections = 2;
  RunningServer server(
      [&](const Request& request) {
        entered.count_down();
        go.wait();
        return Echo(request);
      },
      limits, 3);
  std::vector<Peer> served;
  for (int i = 0; i < 2; ++i) {
    served.emplace_back(*server);
    served.back().Send(Get("/"));
  }
  entered.wait();
  EXPECT_TRUE(Peer(*server).SeesEnd());
  go.count_down();
  for (Peer& peer : served) EXPECT_EQ(peer.Read().status, 200);
}

TEST(HttpServerLimits, DropsThoseWhoReadNothingSoThatOthersAreAnswered) {
  constexpr std::size_t kAnswerBytes = 8 << 20;
  RunningServer server([](const Request& request) {
    Response response = Echo(request);
    if (request.path == "/large") response.body.assign(kAnswerBytes, 'l');
    return response;
  });
  std::vector<Peer> slow;
  for (int i = 0; i < 40; ++i) {  // more than all together may leave unread
    slow.emplace_back(*server);
    slow.back().Send(Get("/large"));
    if (i % 4 != 3) continue;
    Peer peer(*server);
    peer.Send(Get("/at-once") + Get("/large"));
    ASSERT_EQ(peer.Read().status, 200) << i;
    ASSERT_EQ(peer.Read().body.size(), kAnswerBytes) << i;
  }
  EXPECT_EQ(slow.front().Read().status, 0) << "its answer is cut off";
  EXPECT_EQ(slow.back().Read().body.size(), kAnswerBytes);
}

TEST(HttpServerLimits, KeepsWorkersForWhatComesForemost) {
  std::latch entered(3);
  std::latch go(1);
  RunningServer server(
      [&](const Request& request) {
        if (request.path == "/slow") {
          entered.count_down();
          go.wait();
        }
        return Echo(request);
      },
      {}, 4);
  std::vector<Peer> slow;
  for (int i = 0; i < 3; ++i) {
    slow.emplace_back(*server);
    slow.back().Send(Get("/slow"));
  }
  entered.wait();
  std::vector<Peer> waiting = Waiting(server, 8);
  Peer peer(*server);
  for (int i = 0; i < 100; ++i) {
    peer.Send(Get("/foremost"));
    ASSERT_EQ(peer.Read().status, 200);
  }
  EXPECT_EQ(server->stats().waiting_requests, 8U);
  go.count_down();
  for (Peer& each : slow) EXPECT_EQ(each.Read().status, 200);
  for (Peer& each : waiting) EXPECT_EQ(each.Read().status, 200);
}

TEST(HttpServerLimits, AcceptsAgainWhenDescriptorsComeFree) {
  RunningServer server(Echo);
  Peer first(*server);
  first.Send(Get("/"));
  ASSERT_EQ(first.Read().status, 200);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int lowest_free = dup(STDOUT_FILENO);
  close(lowest_free);
  const rlimit one_more{static_cast<rlim_t>(lowest_free) + 1, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &one_more);
  Peer second(*server);  // takes the last one, so the server has none to accept it with
  second.Send(Get("/"));
  EXPECT_FALSE(second.HearsWithin(milliseconds(50)));
  first.Send(Get("/"));
  EXPECT_EQ(first.Read().status, 200) << "those that are connected are served meanwhile";
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(second.Read().status, 200);
}

TEST(HttpServerLimits, AnswersOverloadedWhenTooManyRequestsWait) {
  std::latch entered(1);
  std::latch go(1);
  Limits limits;
  limits.max_waiting_requests = 2;
  RunningServer server(
      [&](const Request& request) {
        if (request.path == "/first") entered.count_down();
        go.wait();
        return Echo(request);
      },
      limits, 1);
  Peer first(*server);
  first.Send(Get("/first"));
  entered.wait();
  std::vector<Peer> waiting = Waiting(server, 2);
  const RawAnswer refused = LastAnswer(server, Get("/"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.head.find("Retry-After: 1\r\n"), std::string::npos);
  go.count_down();
  EXPECT_EQ(first.Read().status, 200);
  for (Peer& peer : waiting) EXPECT_EQ(peer.Read().status, 200);
}

TEST(HttpServerLimits, HoldsNoMoreThanItsMemoryAllowsAndServesSmallRequestsBeside) {
  Limits limits;
  limits.max_held_bytes = 1 << 20;
  RunningServer server(Echo, limits);
  const std::string half(600'000, 'h');
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 600001\r\n\r\n";
  Peer first(*server);
  first.Send(head + half);
  Peer second(*server);
  second.Send(Get("/"));  // read after all that `first` has sent
  EXPECT_EQ(second.Read().status, 200);
  EXPECT_EQ(LastAnswer(server, head + half).status, 503);
  Peer small(*server);
  small.Send(Post("/", std::string(4'000, 's')));
  EXPECT_EQ(small.Read().status, 200);
  first.Send("h");
  EXPECT_EQ(first.Read().status, 200);
  for (int i = 0; i < 10; ++i) {  // what was answered, refused or given up is held no longer
    Peer next(*server);
    next.Send(head + half + "h");
    ASSERT_EQ(next.Read().status, 200);
    Peer leaves(*server);
    leaves.Send(head + half);
    while (server->stats().held_bytes == 0) std::this_thread::yield();
    leaves.Reset();
    while (server->stats().held_bytes != 0) std::this_thread::yield();
    ASSERT_EQ(LastAnswer(server, "POST / HTTP/1.1\r\n" + std::string(40'000, 'x')).status, 431);
  }
}

TEST(HttpServerLimits, AnswersWhatNeedsNoWorkerWhileAllAreBusy) {
  std::latch entered(1);
  std::latch go(1);
  RunningServer server(
      [&](const Request& request) {
        if (request.path != "/at-once") {
          entered.count_down();
          go.wait();
        }
        return Echo(request);
      },
      {}, 1);
  Peer busy(*server);
  busy.Send(Get("/"));
  entered.wait();
  Peer peer(*server);
  for (int round = 0; round < 3; ++round) {
    peer.Send(Get("/at-once") + Get("/at-once"));
    EXPECT_EQ(peer.Read().status, 200);
    EXPECT_EQ(peer.Read().body.rfind("GET", 0), 0U);
  }
  std::string pipelined;
  for (int i = 0; i < 2'000; ++i) pipelined += Get("/at-once");
  peer.Send(pipelined + Get("/at-once", "Connection: close\r\n"));
  for (int i = 0; i < 2'001; ++i) ASSERT_EQ(peer.Read().status, 200);
  EXPECT_TRUE(peer.SeesEnd());
  go.count_down();
  EXPECT_EQ(busy.Read().status, 200);
}

}  // namespace
}  // namespace billhook::http
