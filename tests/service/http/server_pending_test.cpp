// Answers that wait for something without a worker.
#include <condition_variable>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

// The requests that wait, until a test says that they are ready.
class WaitingRoom {
 public:
  Pending Enter(Response response) {
    return {[this](std::function<void()> ready) {
              const std::lock_guard lock(mutex_);
              readies_.push_back(std::move(ready));
              changed_.notify_all();
            },
            [response = std::move(response)] { return response; }};
  }
  void Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return readies_.size() == count; });
  }
  // The one that came last is ready first.
  void LetAllGo() {
    std::vector<std::function<void()>> readies;
    {
      const std::lock_guard lock(mutex_);
      readies.swap(readies_);
    }
    for (auto ready = readies.rbegin(); ready != readies.rend(); ++ready) (*ready)();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void()>> readies_;
};

class HttpServerPending : public ::testing::Test {
 protected:
  // All that is asked of /waits is pending.
  Reply Handle(const Request& request) {
    if (request.path != "/waits") return Echo(request);
    return room_.Enter(Echo(request));
  }

  WaitingRoom room_;
  RunningServer server_{[this](const Request& request) { return Handle(request); }, {}, 1};
};

TEST_F(HttpServerPending, HoldsNoWorkerMeanwhile) {
  constexpr std::size_t kPeers = 20;
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < kPeers; ++i) {
    peers.emplace_back(*server_);
    peers.back().Send(Post("/waits", std::to_string(i)));
  }
  room_.Await(kPeers);
  Peer other(*server_);
  other.Send(Get("/other"));
  EXPECT_EQ(other.Read().status, 200);
  EXPECT_FALSE(peers.front().HearsWithin(std::chrono::milliseconds(20)));
  room_.LetAllGo();
  for (std::size_t i = 0; i < kPeers; ++i)
    EXPECT_EQ(peers[i].Read().body, "POST\n/waits\n\n" + std::to_string(i));
  EXPECT_EQ(server_->stats().held_bytes, 0U);
}

TEST_F(HttpServerPending, AnswersPipelinedRequestsInOrder) {
  Peer peer(*server_);
  peer.Send(Post("/waits", "first") + Get("/second") + Post("/waits", "third"));
  room_.Await(1);
  EXPECT_FALSE(peer.HearsWithin(std::chrono::milliseconds(20)));
  room_.LetAllGo();
  EXPECT_EQ(peer.Read().body, "POST\n/waits\n\nfirst");
  EXPECT_EQ(peer.Read().body, "GET\n/second\n\n");
  room_.Await(1);
  room_.LetAllGo();
  EXPECT_EQ(peer.Read().body, "POST\n/waits\n\nthird");
}

TEST_F(HttpServerPending, OutlivesAPeerThatLeavesMeanwhile) {
  {
    Peer peer(*server_);
    peer.Send(Get("/waits"));
    room_.Await(1);
    peer.Reset();
  }
  room_.LetAllGo();
  Peer other(*server_);
  other.Send(Get("/other"));
  EXPECT_EQ(other.Read().status, 200);
  while (server_->stats().connections > 1) std::this_thread::yield();
}

TEST_F(HttpServerPending, AnswersBeforeItStops) {
  Peer peer(*server_);
  peer.Send(Get("/waits"));
  room_.Await(1);
  bool none_cut_off = false;
  std::thread stop([&] { none_cut_off = server_->Stop(std::chrono::steady_clock::now() + kPatience); });
  EXPECT_FALSE(peer.HearsWithin(std::chrono::milliseconds(20)));
  room_.LetAllGo();
  stop.join();
  EXPECT_TRUE(none_cut_off);
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(HttpServerPending, IsCutOffAtTheDeadlineButNeverForgotten) {
  Peer peer(*server_);
  peer.Send(Get("/waits"));
  room_.Await(1);
  bool none_cut_off = true;
  std::thread stop([&] { none_cut_off = server_->Stop(std::chrono::steady_clock::now()); });
  EXPECT_TRUE(peer.SeesEnd());
  room_.LetAllGo();  // the server stays until nobody can call it any more
  stop.join();
  EXPECT_FALSE(none_cut_off);
}

TEST(HttpServerPendingAnswer, MayBeReadyAtOnce) {
  RunningServer server([](const Request& request) {
    return Pending{[](const std::function<void()>& ready) { ready(); }, [&request] { return Echo(request); }};
  });
  Peer peer(*server);
  for (int i = 0; i < 100; ++i) {
    peer.Send(Post("/", std::to_string(i)));
    ASSERT_EQ(peer.Read().body, "POST\n/\n\n" + std::to_string(i));
  }
}

TEST(HttpServerPendingAnswer, EndsTheConnectionWhereItCannotBeWaitedFor) {
  RunningServer server([](const Request&) {
    return Pending{[](const std::function<void()>&) { throw std::bad_alloc(); }, [] { return Response{}; }};
  });
  Peer peer(*server);
  peer.Send(Get("/"));
  EXPECT_EQ(peer.Read().status, 0);
  EXPECT_TRUE(server->Stop(std::chrono::steady_clock::now() + kPatience)) << "a stop waits for nobody";
}

TEST(HttpServerPendingAnswer, IsAnEmpty500WhenItThrows) {
  RunningServer server([](const Request&) {
    return Pending{[](const std::function<void()>& ready) { ready(); },
                   []() -> Response { throw std::runtime_error("no answer"); }};
  });
  Peer peer(*server);
  peer.Send(Get("/"));
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "");
}

}  // namespace
}  // namespace billhook::http
