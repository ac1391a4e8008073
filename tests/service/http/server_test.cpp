#include "service/http/server.h"

#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

TEST(HttpServer, AnswersRequestAfterRequestOnOneConnection) {
  RunningServer server(Echo);
  Peer peer(*server);
  for (int i = 0; i < 50; ++i) {
    const std::string body = "number " + std::to_string(i);
    peer.Send(Post("/p?q", body));
    const RawAnswer answer = peer.Read();
    ASSERT_EQ(answer.status, 200);
    ASSERT_EQ(answer.body, "POST\n/p\nq\n" + body);
    ASSERT_EQ(answer.head.find("Connection:"), std::string::npos);
  }
  EXPECT_EQ(server->stats().connections, 1U);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  RunningServer server(Echo, {}, 4);
  Peer peer(*server);
  peer.Send(Post("/1", "one") + Get("/2") + Post("/3", "three"));
  EXPECT_EQ(peer.Read().body, "POST\n/1\n\none");
  EXPECT_EQ(peer.Read().body, "GET\n/2\n\n");
  EXPECT_EQ(peer.Read().body, "POST\n/3\n\nthree");
  std::string many;
  for (int i = 0; i < 500; ++i) many += Post("/" + std::to_string(i), std::string(1000, 'x'));
  peer.Send(many);
  for (int i = 0; i < 500; ++i) {
    const std::string line = "POST\n/" + std::to_string(i) + "\n";
    ASSERT_EQ(peer.Read().body.substr(0, line.size()), line);
  }
}

TEST(HttpServer, TakesARequestSplitAnywhere) {
  RunningServer server(Echo);
  Peer peer(*server);
  const std::string request = Post("/p", "body");
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    peer.Send(request.substr(0, cut));
    peer.Send(request.substr(cut));
    ASSERT_EQ(peer.Read().body, "POST\n/p\n\nbody") << cut;
  }
  for (char byte : request) peer.Send({&byte, 1});
  EXPECT_EQ(peer.Read().body, "POST\n/p\n\nbody");
}

TEST(HttpServer, TakesChunkedBodies) {
  RunningServer server(Echo);
  Peer peer(*server);
  const std::string body(10'000, 'c');
  for (std::size_t chunk : {1UL, 7UL, 100UL, 4096UL, 10'000UL}) {
    std::string request = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += chunk) {
      const std::string piece = body.substr(at, chunk);
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
      request += size + piece + "\r\n";
    }
    peer.Send(request + "0\r\n\r\n");
    ASSERT_EQ(peer.Read().body, "POST\n/p\n\n" + body) << chunk;
  }
}

TEST(HttpServer, PassesCompressedAndFormBodiesOnAsSent) {
  RunningServer server(Echo);
  Peer peer(*server);
  const std::string gzip(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\x00\x00\x00", 21);
  for (const char* coding : {"gzip", "br", "deflate"}) {
    peer.Send(Post("/p", gzip, std::string("Content-Encoding: ") + coding + "\r\n"));
    EXPECT_EQ(peer.Read().body, "POST\n/p\n\n" + gzip);
  }
  const std::string form = "a=" + std::string(20'000, 'b');
  peer.Send(Post("/p", form, "Content-Type: application/x-www-form-urlencoded\r\n"));
  EXPECT_EQ(peer.Read().body, "POST\n/p\n\n" + form);
  peer.Send(Post("/p", "--x\r\n", "Content-Type: multipart/form-data; boundary=x\r\n"));
  EXPECT_EQ(peer.Read().body, "POST\n/p\n\n--x\r\n");
}

TEST(HttpServer, IgnoresRangesAndAcceptedCodings) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send(Get("/p", "Range: bytes=0-1\r\nAccept-Encoding: gzip, br\r\n"));
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "GET\n/p\n\n");
  peer.Send(Get("/p", "Range: nonsense\r\n"));
  EXPECT_EQ(peer.Read().status, 200);
}

TEST(HttpServer, TellsTheHandlerWhoAsks) {
  RunningServer server([](const Request& request) {
    Response response;
    response.body =
        request.remote_address + " " + *request.Header("x-a") + " " + *request.Header("remote_addr");
    return response;
  });
  Peer peer(*server);
  peer.Send(Get("/", "X-A: 50%25+\r\nREMOTE_ADDR: 8.8.8.8\r\n"));
  EXPECT_EQ(peer.Read().body, "127.0.0.1 50%25+ 8.8.8.8");
}

TEST(HttpServer, HandsUnusualMethodsToTheHandler) {
  RunningServer server(Echo);
  Peer peer(*server);
  for (const std::string method : {"PUT", "DELETE", "PATCH", "FOO", "get", "TRACE"}) {
    peer.Send(method + " /p HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(peer.Read().body, method + "\n/p\n\n");
  }
}

TEST(HttpServer, AnswersHeadWithoutTheBody) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send("HEAD /p HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/next"));
  const RawAnswer answer = peer.Read(true);
  EXPECT_NE(answer.head.find("Content-Length: 9\r\n"), std::string::npos) << answer.head;
  EXPECT_EQ(answer.head.find("Accept-Ranges"), std::string::npos);
  EXPECT_EQ(peer.Read().body, "GET\n/next\n\n");
}

TEST(HttpServer, SpeaksHttp10) {
  RunningServer server(Echo);
  Peer once(*server);
  once.Send("GET /p HTTP/1.0\r\n\r\n");
  const RawAnswer answer = once.Read();
  EXPECT_EQ(answer.body, "GET\n/p\n\n");
  EXPECT_NE(answer.head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(once.SeesEnd());

  Peer kept(*server);
  for (int i = 0; i < 2; ++i) {
    kept.Send("GET /p HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_NE(kept.Read().head.find("Connection: keep-alive\r\n"), std::string::npos);
  }
}

TEST(HttpServer, ClosesWhenAsked) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send(Get("/1", "Connection: close\r\n") + Get("/2"));
  EXPECT_NE(peer.Read().head.find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(peer.SeesEnd());
}

TEST(HttpServer, AnswersAPeerThatHasEndedItsSide) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send(Get("/1") + Get("/2"));
  peer.EndSending();
  EXPECT_EQ(peer.Read().body, "GET\n/1\n\n");
  EXPECT_EQ(peer.Read().body, "GET\n/2\n\n");
  EXPECT_TRUE(peer.SeesEnd());
}

TEST(HttpServer, LetsAPeerThatWaitsSendItsBody) {
  RunningServer server(Echo);
  Peer peer(*server);
  peer.Send("POST /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(peer.Read().head, "HTTP/1.1 100 Continue\r\n\r\n");
  peer.Send("body");
  EXPECT_EQ(peer.Read().body, "POST\n/p\n\nbody");
}

TEST(HttpServer, WritesTheHandlersHeadersAndItsOwnOnce) {
  RunningServer server([](const Request&) {
    Response response;
    response.status = 503;
    response.content_type = "application/problem+json";
    response.body = "{}";
    response.headers = {{"Retry-After", "2"},     {"X-Same", "a"},        {"X-Same", "b"},
                        {"content-length", "99"}, {"connection", "nope"}, {"X-Split", "a\r\nX-Injected: b"}};
    return response;
  });
  Peer peer(*server);
  peer.Send(Get("/"));
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(
      answer.head,
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\nContent-Type: application/problem+json\r\n"
      "Retry-After: 2\r\nX-Same: a\r\nX-Same: b\r\n\r\n");
  EXPECT_EQ(answer.body, "{}");
}

TEST(HttpServer, SendsNoBodyWhereTheStatusForbidsOne) {
  RunningServer server([](const Request& request) {
    Response response;
    response.status = request.path == "/304" ? 304 : 204;
    response.body = "must not be sent";
    response.headers.emplace_back("ETag", "\"1\"");
    return response;
  });
  Peer peer(*server);
  peer.Send(Get("/204") + Get("/304"));
  EXPECT_EQ(peer.Read().head, "HTTP/1.1 204 No Content\r\nETag: \"1\"\r\n\r\n");
  EXPECT_EQ(peer.Read().head, "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
}

TEST(HttpServer, AnswersAnEmpty500WhenTheHandlerThrows) {
  RunningServer server([](const Request& request) -> Response {
    if (request.path == "/bad") throw std::runtime_error("a secret");
    return Echo(request);
  });
  Peer peer(*server);
  peer.Send(Get("/bad") + Get("/good"));
  const RawAnswer answer = peer.Read();
  EXPECT_EQ(answer.head, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(peer.Read().status, 200);
}

TEST(HttpServer, SendsLargeAnswersToSlowReadersWithoutAWorker) {
  const std::string large(32 << 20, 'z');
  RunningServer server(
      [&large](const Request& request) {
        Response response;
        response.body = request.path == "/large" ? large : "small";
        return response;
      },
      {}, 1);
  Peer slow(*server);
  slow.Send(Get("/large") + Get("/after"));
  Peer other(*server);
  other.Send(Get("/small"));
  EXPECT_EQ(other.Read().body, "small");
  EXPECT_EQ(slow.Read().body.size(), large.size());
  EXPECT_EQ(slow.Read().body, "small");
}

TEST(HttpServer, DropsAPeerThatDoesNotTakeItsAnswer) {
  const std::string large(32 << 20, 'z');
  Limits limits;
  limits.write_timeout = std::chrono::milliseconds(100);
  RunningServer server(
      [&large](const Request& request) {
        Response response;
        response.body = request.path == "/large" ? large : std::to_string(request.body.size());
        return response;
      },
      limits, 1);
  Peer never_reads(*server);
  never_reads.Send(Get("/large"));
  // Asking until the other has gone: the loop ends as the limit passes.
  Peer asks(*server);
  do {
    asks.Send(Get("/"));
    ASSERT_EQ(asks.Read().status, 200);
  } while (server->stats().connections > 1);
}

TEST(HttpServer, OutlivesResetsAtAnyMoment) {
  RunningServer server(Echo);
  const std::string request = Post("/p", std::string(100, 'b'));
  for (std::size_t sent = 0; sent <= request.size(); sent += 5) {
    Peer peer(*server);
    peer.Send(request.substr(0, sent));
    peer.Reset();
  }
  for (int i = 0; i < 50; ++i) {
    Peer peer(*server);
    peer.Send(request + request);
    peer.Reset();
  }
  Peer peer(*server);
  peer.Send(request);
  EXPECT_EQ(peer.Read().status, 200);
}

TEST(HttpServer, RefusesASecondServerOnThePort) {
  RunningServer first(Echo);
  const std::string address = first->address();
  Server second({}, 1, Echo, &RunningServer::OnFault);
  const std::string error = second.Start("127.0.0.1", std::stoi(address.substr(address.rfind(':') + 1)));
  EXPECT_NE(error.find("another process already listens there"), std::string::npos) << error;
  EXPECT_NE(error.find("PORT"), std::string::npos) << error;
}

TEST(HttpServer, SaysWhyItCannotListen) {
  Server server({}, 1, Echo, &RunningServer::OnFault);
  EXPECT_NE(server.Start("127.0.0.1", 65536).find("0 to 65535"), std::string::npos);
  EXPECT_NE(server.Start("no.such.host.invalid", 0).find("HOST"), std::string::npos);
  EXPECT_NE(server.Start("192.0.2.1", 0).find("no such address"), std::string::npos);
  EXPECT_EQ(server.Start("127.0.0.1", 0), "");
}

}  // namespace
}  // namespace billhook::http
