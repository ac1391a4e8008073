#include "service/http/framing.h"

#include <random>

#include <gtest/gtest.h>

#include "tests/support/peer.h"

namespace billhook::http {
namespace {

using State = RequestFramer::State;

constexpr FramingLimits kLimits{1000, 200, 2000, 20};

struct Outcome {
  State state;
  Fault fault;
  Request request;
  std::size_t taken;
};

Outcome FrameWhole(std::string_view bytes, const FramingLimits& limits = kLimits) {
  RequestFramer framer(limits);
  const std::size_t taken = framer.Feed(bytes);
  const State state = framer.state();
  const Fault fault = framer.fault();
  return {state, fault, framer.Take(), taken};
}

Outcome FrameInPieces(std::string_view bytes, std::mt19937& random) {
  RequestFramer framer(kLimits);
  std::size_t taken = 0;
  while (taken < bytes.size() && framer.state() == State::kNeedsMore) {
    const std::size_t piece = std::uniform_int_distribution<std::size_t>(1, 9)(random);
    taken += framer.Feed(bytes.substr(taken, piece));
  }
  const State state = framer.state();
  const Fault fault = framer.fault();
  return {state, fault, framer.Take(), taken};
}

std::string Name(State state, Fault fault) {
  if (state == State::kComplete) return "complete";
  if (state == State::kNeedsMore) return "needs more";
  switch (fault) {
    case Fault::kMalformed:
      return "malformed";
    case Fault::kBodyTooLarge:
      return "body too large";
    case Fault::kUriTooLong:
      return "uri too long";
    case Fault::kHeadersTooLarge:
      return "headers too large";
    case Fault::kVersionNotSupported:
      return "version not supported";
    default:
      return "another fault";
  }
}

std::string Judge(std::string_view bytes, const FramingLimits& limits = kLimits) {
  const Outcome outcome = FrameWhole(bytes, limits);
  return Name(outcome.state, outcome.fault);
}

std::string WithHeaders(std::string_view lines) {
  return "POST /p HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

std::string Chunked(std::string_view chunks) {
  return WithHeaders("Transfer-Encoding: chunked\r\n") + std::string(chunks);
}

TEST(HttpFraming, TakesARequestApart) {
  const std::string bytes =
      "POST /a/b%2F?x=1&y=%20 HTTP/1.1\r\nHost: example.com:80\r\nX-Two: \t1 \r\nx-two:2\r\nEmpty:\r\n"
      "Content-Length: 5\r\n\r\nhello";
  const Outcome outcome = FrameWhole(bytes + "GET ");
  ASSERT_EQ(outcome.state, State::kComplete);
  EXPECT_EQ(outcome.taken, bytes.size());
  EXPECT_EQ(outcome.request.method, "POST");
  EXPECT_EQ(outcome.request.path, "/a/b%2F");
  EXPECT_EQ(outcome.request.raw_query, "x=1&y=%20");
  EXPECT_EQ(outcome.request.body, "hello");
  const Fields headers = {
      {"Host", "example.com:80"}, {"X-Two", "1"}, {"x-two", "2"}, {"Empty", ""}, {"Content-Length", "5"}};
  EXPECT_EQ(outcome.request.headers, headers);
  EXPECT_EQ(outcome.request.HeaderCount("X-TWO"), 2U);
  ASSERT_NE(outcome.request.Header("x-TWO"), nullptr);
  EXPECT_EQ(*outcome.request.Header("x-TWO"), "1");
  EXPECT_EQ(outcome.request.Header("absent"), nullptr);
}

TEST(HttpFraming, KeepsHeaderValuesAsSent) {
  const Outcome outcome = FrameWhole(WithHeaders("X: 100%25+a%0d%0a \xc3\xa9\r\n"));
  ASSERT_EQ(outcome.state, State::kComplete);
  EXPECT_EQ(*outcome.request.Header("X"), "100%25+a%0d%0a \xc3\xa9");
}

TEST(HttpFraming, UnderstandsTheFormsOfATarget) {
  const auto path_of = [](std::string_view line) {
    const Outcome outcome = FrameWhole(std::string(line) + "\r\nHost: h\r\n\r\n");
    return outcome.state == State::kComplete ? outcome.request.path + "?" + outcome.request.raw_query
                                             : "refused";
  };
  EXPECT_EQ(path_of("GET / HTTP/1.1"), "/?");
  EXPECT_EQ(path_of("GET /a?b?c HTTP/1.1"), "/a?b?c");
  EXPECT_EQ(path_of("GET http://h:80/a?b HTTP/1.1"), "/a?b");
  EXPECT_EQ(path_of("GET HTTPS://h HTTP/1.1"), "/?");
  EXPECT_EQ(path_of("GET http://h?b HTTP/1.1"), "/?b");
  EXPECT_EQ(path_of("OPTIONS * HTTP/1.1"), "*?");
  EXPECT_EQ(path_of("FOO //a HTTP/1.1"), "//a?");
  for (const char* line :
       {"GET * HTTP/1.1", "GET http:///a HTTP/1.1", "GET a HTTP/1.1", "CONNECT h:80 HTTP/1.1",
        "GET /a#b HTTP/1.1", "GET /\xc3\xa9 HTTP/1.1", "GET ftp://h/ HTTP/1.1"}) {
    EXPECT_EQ(path_of(line), "refused") << line;
  }
}

TEST(HttpFraming, RefusesBadRequestLines) {
  for (const char* line : {"GET", "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", " GET / HTTP/1.1",
                           "GET / HTTP/1.1 ", "GET / http/1.1", "GET / HTTP/11", "GET / HTTP/1.10",
                           "G(T / HTTP/1.1", "GET\t/\tHTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/1.x"}) {
    EXPECT_EQ(Judge(std::string(line) + "\r\nHost: h\r\n\r\n"), "malformed") << line;
  }
  for (const char* version : {"HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0"}) {
    EXPECT_EQ(Judge(std::string("GET / ") + version + "\r\nHost: h\r\n\r\n"), "version not supported")
        << version;
  }
  EXPECT_EQ(Judge("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "version not supported");
}

TEST(HttpFraming, RefusesBadHeaders) {
  for (const char* lines : {
           "A: b\nC: d\r\n",
           "A : b\r\n",
           " A: b\r\n",
           "A: b\r\n folded\r\n",
           "A: b\r\n\tfolded\r\n",
           "A\r\n",
           ": b\r\n",
           "A(: b\r\n",
           "A: b\rc\r\n",
           "A: b\r\r\n",
           "A: b\x01\r\n",
           "A: b\x7f\r\n",
           "\xc3\xa9: b\r\n",
           "Host: again\r\n",
           "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
           "Content-Length: 1\r\nContent-Length: 1\r\n",
           "Content-Length: 1\r\ncontent-length: 2\r\n",
           "Content-Length: 1, 1\r\n",
           "Content-Length: +1\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x1\r\n",
           "Content-Length: 1 1\r\n",
           "Content-Length: 1.0\r\n",
           "Content-Length:\r\n",
           "Content-Length: 99999999999999999999\r\n",
           "Transfer-Encoding: gzip\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked, chunked\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked;q=1\r\n",
           "Transfer-Encoding: \"chunked\"\r\n",
           "Transfer-Encoding:\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
       }) {
    EXPECT_EQ(Judge(WithHeaders(lines)), "malformed") << lines;
  }
  EXPECT_EQ(Judge(WithHeaders(std::string_view("A: b\0c\r\n", 8))), "malformed");
  EXPECT_EQ(Judge("GET / HTTP/1.1\r\n\r\n"), "malformed") << "no Host";
  EXPECT_EQ(Judge("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), "malformed");
  EXPECT_EQ(Judge("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), "malformed");
  EXPECT_EQ(Judge("GET / HTTP/1.1\nHost: h\n\n"), "malformed") << "bare line feeds";
  EXPECT_EQ(Judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "malformed");
}

TEST(HttpFraming, BearsTwoEmptyLinesBeforeARequest) {
  EXPECT_EQ(Judge("\r\n\r\n" + WithHeaders("")), "complete");
  EXPECT_EQ(Judge("\r\n\r\n\r\n" + WithHeaders("")), "malformed");
  EXPECT_EQ(Judge("\n" + WithHeaders("")), "malformed");
}

TEST(HttpFraming, RefusesAtOnceWhatIsPlainlyNotHttp) {
  EXPECT_EQ(Judge(std::string_view("\x16\x03\x01\x02\x00\x01", 6)), "malformed") << "a TLS greeting";
  RequestFramer framer(kLimits);
  framer.Feed("GET / HTTP/1.1\r");
  EXPECT_EQ(framer.state(), State::kNeedsMore);
  framer.Feed("X");
  EXPECT_EQ(framer.state(), State::kFault);
}

TEST(HttpFraming, JoinsChunks) {
  for (const char* chunks : {
           "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
           "00000005\r\nhello\r\n6;a=b;c=\"d\"\r\n world\r\n0;last\r\n\r\n",
           "B\r\nhello world\r\n000\r\nTrailer: dropped\r\nAnother:\r\n\r\n",
           "b \t;x\r\nhello world\r\n0\r\n\r\n",
       }) {
    const Outcome outcome = FrameWhole(Chunked(chunks));
    ASSERT_EQ(outcome.state, State::kComplete) << chunks;
    EXPECT_EQ(outcome.request.body, "hello world");
    EXPECT_EQ(outcome.request.Header("Trailer"), nullptr);
  }
  EXPECT_EQ(Judge(WithHeaders("Transfer-Encoding: CHUNKED\r\n") + "0\r\n\r\n"), "complete");
}

TEST(HttpFraming, RefusesBadChunks) {
  for (const char* chunks : {
           "\r\n",
           "x\r\n",
           "-1\r\n",
           "+1\r\na\r\n",
           "0x1\r\na\r\n",
           " 1\r\na\r\n",
           "1 \r\na\r\n",
           "1 2\r\na\r\n",
           "1,\r\na\r\n",
           "1\na\r\n",
           "1\r\nab\r\n",
           "1\r\na\n",
           "1\r\naX",
           "10000000000000000\r\n",
           "fffffffffffffffff\r\n",
           "0\r\nbad trailer\r\n\r\n",
           "0\r\n folded\r\n\r\n",
           "0\r\nA: b\n\r\n",
       }) {
    EXPECT_EQ(Judge(Chunked(chunks)), "malformed") << chunks;
  }
  EXPECT_EQ(Judge(Chunked("1;" + std::string(1100, 'x'))), "malformed") << "an extension without end";
  std::string extensions;
  for (int i = 0; i < 40; ++i) extensions += "1;" + std::string(100, 'x') + "\r\na\r\n";
  EXPECT_EQ(Judge(Chunked(extensions)), "headers too large");
  std::string trailers = "0\r\n";
  for (int i = 0; i < 40; ++i) trailers += "A: b\r\n";
  EXPECT_EQ(Judge(Chunked(trailers)), "headers too large");
}

TEST(HttpFraming, HoldsEveryLimitExactly) {
  EXPECT_EQ(Judge(Post("/", std::string(1000, 'b'))), "complete");
  EXPECT_EQ(Judge(WithHeaders("Content-Length: 1001\r\n")), "body too large");
  EXPECT_EQ(Judge(WithHeaders("Expect: 100-continue\r\nContent-Length: 1001\r\n")), "body too large");
  EXPECT_EQ(Judge(Chunked("3e8\r\n" + std::string(1000, 'b') + "\r\n0\r\n\r\n")), "complete");
  EXPECT_EQ(Judge(Chunked("3e8\r\n" + std::string(1000, 'b') + "\r\n1\r\n")), "body too large");
  EXPECT_EQ(Judge(Chunked("ffffffffffffffff\r\n")), "body too large");

  EXPECT_EQ(Judge(Get("/" + std::string(199, 'u'))), "complete");
  EXPECT_EQ(Judge(Get("/" + std::string(200, 'u'))), "uri too long");
  EXPECT_EQ(Judge("GET /" + std::string(400, 'u')), "uri too long") << "before the line ends";

  std::string lines;
  for (int i = 0; i < 19; ++i) lines += "A: b\r\n";
  EXPECT_EQ(Judge(WithHeaders(lines)), "complete");
  EXPECT_EQ(Judge(WithHeaders(lines + "A: b\r\n")), "headers too large");

  const std::size_t fixed = WithHeaders("A: \r\n").size();
  EXPECT_EQ(Judge(WithHeaders("A: " + std::string(2000 - fixed, 'v') + "\r\n")), "complete");
  EXPECT_EQ(Judge(WithHeaders("A: " + std::string(2002 - fixed, 'v') + "\r\n")), "headers too large");
  EXPECT_EQ(Judge("GET / HTTP/1.1\r\nA: " + std::string(2000, 'v')), "headers too large")
      << "before the line ends";
}

TEST(HttpFraming, KnowsWhetherTheConnectionIsToBeKept) {
  const auto keeps = [](std::string_view bytes) {
    RequestFramer framer(kLimits);
    framer.Feed(bytes);
    EXPECT_EQ(framer.state(), State::kComplete) << bytes;
    return framer.keep_alive();
  };
  EXPECT_TRUE(keeps(WithHeaders("")));
  EXPECT_FALSE(keeps(WithHeaders("Connection: close\r\n")));
  EXPECT_FALSE(keeps(WithHeaders("connection: x, CLOSE\r\n")));
  EXPECT_FALSE(keeps(WithHeaders("Connection: keep-alive\r\nConnection: close\r\n")));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(HttpFraming, AsksForTheGoAheadOnce) {
  RequestFramer framer(kLimits);
  framer.Feed(WithHeaders("Expect: 100-Continue\r\nContent-Length: 2\r\n"));
  EXPECT_TRUE(framer.TakeExpectation());
  EXPECT_FALSE(framer.TakeExpectation());
  framer.Take();
  framer.Feed(WithHeaders("Expect: 100-continue\r\nContent-Length: 2\r\n") + "a");
  EXPECT_FALSE(framer.TakeExpectation()) << "the peer did not wait";
}

TEST(HttpFraming, GivesWhatWasReadOfAFaultyRequest) {
  const Outcome outcome = FrameWhole("POST /hooks?x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\n");
  ASSERT_EQ(outcome.state, State::kFault);
  EXPECT_EQ(outcome.request.method, "POST");
  EXPECT_EQ(outcome.request.path, "/hooks");
}

TEST(HttpFraming, JudgesAlikeHoweverTheBytesAreSplit) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::vector<std::string> samples = {
      "\r\n" + Post("/a?b=c", "some body\r\n\r\nwith line ends"),
      Get("/a"),
      Chunked("5;x\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n"),
      WithHeaders("A: b\rc\r\n"),
      WithHeaders("A: b\nc: d\r\n"),
      Chunked("5\r\nhello!\r\n"),
      Chunked("1 \r\na"),
      WithHeaders("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
  };
  for (const std::string& sample : samples) {
    const Outcome whole = FrameWhole(sample);
    for (int round = 0; round < 200; ++round) {
      const Outcome split = FrameInPieces(sample, random);
      ASSERT_EQ(Name(split.state, split.fault), Name(whole.state, whole.fault)) << sample;
      if (whole.state != State::kComplete) continue;
      ASSERT_EQ(split.taken, whole.taken);
      ASSERT_EQ(split.request.path, whole.request.path);
      ASSERT_EQ(split.request.headers, whole.request.headers);
      ASSERT_EQ(split.request.body, whole.request.body);
    }
  }
}

// Whatever comes, a request and what follows it are told apart: one byte changed never makes the framer take
// more than was sent, nor hold more than its limits.
TEST(HttpFraming, SurvivesChangedBytes) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good = Chunked("5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n") + Post("/next", "body");
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int changes = std::uniform_int_distribution(1, 3)(random); changes > 0; --changes) {
      const std::size_t at = std::uniform_int_distribution<std::size_t>(0, bytes.size() - 1)(random);
      bytes[at] = static_cast<char>(std::uniform_int_distribution(0, 255)(random));
    }
    const Outcome outcome = FrameInPieces(bytes, random);
    ASSERT_LE(outcome.taken, bytes.size());
    ASSERT_LE(outcome.request.body.size(), kLimits.max_body_bytes);
    ASSERT_LE(outcome.request.headers.size(), kLimits.max_header_count);
  }
}

}  // namespace
}  // namespace billhook::http
