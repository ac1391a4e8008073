// A request line that was both too long and without a carriage return was "malformed" when it came at once
// and "too long" when it came byte by byte: whichever check looked first. Found by fuzzing.
#include <optional>

#include <gtest/gtest.h>

#include "service/http/framing.h"

namespace billhook::http {
namespace {

constexpr FramingLimits kLimits{300, 80, 400, 12};

// The fault of the stream in pieces of that size, and of none that needs more.
std::optional<Fault> FaultOf(std::string_view stream, std::size_t piece) {
  RequestFramer framer(kLimits);
  while (!stream.empty() && framer.state() == RequestFramer::State::kNeedsMore)
    stream.remove_prefix(framer.Feed(stream.substr(0, piece)));
  if (framer.state() != RequestFramer::State::kFault) return std::nullopt;
  return framer.fault();
}

TEST(HttpFraming, FindsTheSameFaultHoweverALineIsCut) {
  const std::string found = "POST /w" + std::string(127, '\xdd') + "ebhooks/ctripe HT\n:";
  const std::string host = "GET / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::pair<std::string, Fault> cases[] = {
      {found, Fault::kUriTooLong},
      {"GET /" + std::string(200, 'a') + "\x01", Fault::kUriTooLong},
      {"GET /\x01" + std::string(200, 'a'), Fault::kMalformed},
      {"GET /" + std::string(139, 'a') + "\r\r\n", Fault::kUriTooLong},
      {"GET /" + std::string(138, 'a') + "\r\r\n", Fault::kMalformed},
      {host + "A: " + std::string(500, 'a') + "\x01\n", Fault::kHeadersTooLarge},
      {host + "A: \x01" + std::string(500, 'a'), Fault::kMalformed},
      {host + "A: b\n" + std::string(500, 'a'), Fault::kMalformed},
      {chunked + "1;" + std::string(2000, 'a') + "\x01\r\n", Fault::kMalformed},
      {chunked + "1\r\nab\r\n", Fault::kMalformed},
      {chunked + "1\r\naX", Fault::kMalformed},
  };
  for (const auto& [stream, fault] : cases) {
    for (std::size_t piece = 1; piece <= stream.size(); ++piece)
      ASSERT_EQ(FaultOf(stream, piece), fault)
          << ::testing::PrintToString(stream) << " in pieces of " << piece;
  }
}

}  // namespace
}  // namespace billhook::http
