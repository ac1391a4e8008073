#include "service/http/client.h"

#include <algorithm>
#include <atomic>
#include <latch>

#include <gtest/gtest.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

TEST(HttpClient, SendsRequestAfterRequestOnOneConnection) {
  RunningServer server(Echo);
  Client client(server->address());
  for (int i = 0; i < 20; ++i) {
    const auto answer = client.Send("POST", "/p%2F?q=%20", {{"X-A", "b"}}, "body");
    ASSERT_TRUE(answer) << client.error();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "POST\n/p%2F\nq=%20\nbody");
    EXPECT_EQ(answer->content_type, "text/plain");
  }
  EXPECT_EQ(client.error(), "");
  EXPECT_EQ(server->stats().connections, 1U);
}

TEST(HttpClient, PassesBodiesAndHeadersThroughUntouched) {
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00", 21);
  RunningServer server([&](const Request& request) {
    Response response;
    response.body = gzip;
    response.headers = {{"Content-Encoding", "gzip"}, {"x-Odd-CASE", *request.Header("X-Sent")}};
    return response;
  });
  Client client(server->address());
  const auto answer = client.Send("GET", "/", {{"X-Sent", "a%20b"}});
  ASSERT_TRUE(answer) << client.error();
  EXPECT_EQ(answer->body, gzip);
  const auto odd = std::find_if(answer->headers.begin(), answer->headers.end(),
                                [](const auto& field) { return field.first == "x-Odd-CASE"; });
  ASSERT_NE(odd, answer->headers.end());
}

TEST(HttpClient, SendsAnyMethod) {
  RunningServer server(Echo);
  Client client(server->address());
  for (const std::string method : {"GET", "POST", "PUT", "DELETE", "PATCH", "FOO"}) {
    const auto answer = client.Send(method, "/p");
    ASSERT_TRUE(answer) << method << client.error();
    EXPECT_EQ(answer->body, method + "\n/p\n\n");
  }
  const auto head = client.Send("HEAD", "/p");
  ASSERT_TRUE(head) << client.error();
  EXPECT_EQ(head->body, "");
}

TEST(HttpClient, SaysWhyThereWasNoAnswer) {
  std::string address;
  {
    RunningServer gone(Echo);
    address = gone->address();
  }
  Client refused(address);
  EXPECT_FALSE(refused.Send("GET", "/"));
  EXPECT_NE(refused.error().find("refused"), std::string::npos);
  for (const char* url :
       {"", "ftp://127.0.0.1", "127.0.0.1:80", "http://127.0.0.1:99999999999", "http://h/path"}) {
    Client bad(url);
    EXPECT_FALSE(bad.Send("GET", "/"));
    EXPECT_NE(bad.error().find("not a base address"), std::string::npos) << url;
  }
}

TEST(HttpClient, NeverSendsTwiceWhatWasNotAnswered) {
  std::atomic<int> handled{0};
  std::latch go(1);
  RunningServer server([&](const Request& request) {
    ++handled;
    if (request.path == "/waits") go.wait();
    return Echo(request);
  });
  Client client(server->address(), std::chrono::milliseconds(200));
  EXPECT_TRUE(client.Send("POST", "/", {}, "first"));
  EXPECT_FALSE(client.Send("POST", "/waits", {}, "second"));
  EXPECT_NE(client.error().find("no answer"), std::string::npos) << client.error();
  go.count_down();
  EXPECT_TRUE(client.Send("POST", "/", {}, "third")) << "on a new connection";
  EXPECT_EQ(handled, 3);
}

TEST(HttpClient, ConnectsAnewWhenTheServerHasClosed) {
  Server server({}, 1, Echo, &RunningServer::OnFault);
  ASSERT_EQ(server.Start("127.0.0.1", 0), "");
  const std::string address = server.address();
  Client client(address);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Send("POST", "/", {}, "body");
    ASSERT_TRUE(answer) << client.error();
    EXPECT_TRUE(server.Stop(std::chrono::steady_clock::now() + kPatience));
    ASSERT_EQ(server.Start("127.0.0.1", std::stoi(address.substr(address.rfind(':') + 1))), "");
  }
}

}  // namespace
}  // namespace billhook::http
