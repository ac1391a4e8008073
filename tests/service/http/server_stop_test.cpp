#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

std::chrono::steady_clock::time_point In(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

std::size_t ThreadsOfThisProcess() {
  std::size_t count = 0;
  FILE* const status = std::fopen("/proc/self/status", "r");
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr) std::sscanf(line, "Threads: %zu", &count);
  std::fclose(status);
  return count;
}

TEST(HttpServerStop, FinishesARequestInFlight) {
  std::latch entered(1);
  std::latch go(1);
  RunningServer server([&](const Request& request) {
    entered.count_down();
    go.wait();
    return Echo(request);
  });
  Peer idle(*server);
  Peer peer(*server);
  peer.Send(Get("/in-flight") + Get("/not-begun"));
  entered.wait();
  bool none_cut_off = false;
  std::thread stop([&] { none_cut_off = server->Stop(In(kPatience)); });
  EXPECT_TRUE(idle.SeesEnd()) << "closed while the other is still in flight";
  go.count_down();
  stop.join();
  EXPECT_TRUE(none_cut_off);
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(answer.body, "GET\n/in-flight\n\n");
  EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(peer.Read().status, 0);
}

TEST(HttpServerStop, ServesWhatHasArrivedWholeAndTurnsAwayTheRest) {
  std::latch entered(1);
  std::latch go(1);
  RunningServer server(
      [&](const Request& request) {
        if (request.path == "/blocks") {
          entered.count_down();
          go.wait();
        }
        return Echo(request);
      },
      {}, 1);
  Peer blocks(*server);
  blocks.Send(Get("/blocks"));
  entered.wait();
  Peer waits(*server);
  waits.Send(Get("/waits"));
  Peer partial(*server);
  partial.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhal");
  bool none_cut_off = false;
  std::thread stop([&] { none_cut_off = server->Stop(In(kPatience)); });
  EXPECT_EQ(partial.Read().status, 503);
  partial.EndSending();
  go.count_down();
  stop.join();
  EXPECT_TRUE(none_cut_off);
  EXPECT_EQ(blocks.Read().status, 200);
  EXPECT_EQ(waits.Read().status, 200);
}

TEST(HttpServerStop, CutsOffWhatIsNotDoneByTheDeadline) {
  std::latch entered(1);
  std::latch go(1);
  RunningServer server([&](const Request& request) {
    entered.count_down();
    go.wait();
    return Echo(request);
  });
  Peer peer(*server);
  peer.Send(Get("/"));
  entered.wait();
  bool none_cut_off = true;
  std::thread stop([&] { none_cut_off = server->Stop(In(std::chrono::milliseconds(50))); });
  EXPECT_TRUE(peer.SeesEnd()) << "closed at the deadline, not when the handler ends";
  go.count_down();
  stop.join();
  EXPECT_FALSE(none_cut_off);
}

TEST(HttpServerStop, RefusesNewConnections) {
  RunningServer server(Echo);
  EXPECT_TRUE(server->Stop(In(kPatience)));
  Server next({}, 1, Echo, &RunningServer::OnFault);
  const std::string address = server->address();
  EXPECT_EQ(next.Start("127.0.0.1", std::stoi(address.substr(address.rfind(':') + 1))), "")
      << "the port is free";
}

TEST(HttpServerStop, LosesNoAnswerUnderLoad) {
  for (int round = 0; round < 5; ++round) {
    std::atomic<int> handled{0};
    RunningServer server([&](const Request& request) {
      ++handled;
      return Echo(request);
    });
    std::atomic<int> answered{0};
    std::vector<Peer> peers;  // all are connected before the first can see the end
    for (int i = 0; i < 4; ++i) peers.emplace_back(*server);
    std::vector<std::thread> clients;
    for (Peer& peer : peers) {
      clients.emplace_back([&] {
        while (true) {
          peer.Send(Post("/p", "body"));
          if (peer.Read().status != 200) return;
          ++answered;
        }
      });
    }
    while (answered < 200) std::this_thread::yield();
    EXPECT_TRUE(server->Stop(In(kPatience)));
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(answered, handled);
  }
}

TEST(HttpServerStop, LeavesNoThread) {
  std::size_t before = 0;
  for (int i = 0; i < 20; ++i) {
    if (i == 1)
      before = ThreadsOfThisProcess();  // a sanitizer starts a thread of its own with the first of ours
    RunningServer server(Echo, {}, 3);
    Peer peer(*server);
    peer.Send(Get("/"));
    ASSERT_EQ(peer.Read().status, 200);
    if (i % 2 == 0) {
      EXPECT_TRUE(server->Stop(In(kPatience)));
      EXPECT_EQ(server->stats().connections, 0U);
      EXPECT_TRUE(server->Stop(In(kPatience))) << "again";
    }
  }
  // The kernel counts a thread for a moment after it was joined.
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (ThreadsOfThisProcess() > before && std::chrono::steady_clock::now() < patience)
    std::this_thread::yield();
  EXPECT_LE(ThreadsOfThisProcess(), before);
}

TEST(HttpServerStop, CanBeStartedAgain) {
  Server server({}, 1, Echo, &RunningServer::OnFault);
  EXPECT_TRUE(server.Stop(In(kPatience))) << "never started";
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(server.Start("127.0.0.1", 0), "");
    Peer peer(server);
    peer.Send(Get("/"));
    EXPECT_EQ(peer.Read().status, 200);
    EXPECT_TRUE(server.Stop(In(kPatience)));
  }
}

}  // namespace
}  // namespace billhook::http
