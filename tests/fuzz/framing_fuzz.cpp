// The HTTP framer, and what reads a framed request's path and query. Input: two bytes that say where the
// stream is cut, then the stream. However it is cut, the same requests come out of it.
#include "domain/check.h"
#include "service/http/framing.h"
#include "service/http/query_parameters.h"
#include "service/query/page.h"
#include "tests/fuzz/input.h"

using namespace billhook;  // NOLINT
using http::RequestFramer;

namespace {

constexpr http::FramingLimits kLimits{300, 80, 400, 12};

struct Framed {
  RequestFramer::State state;
  http::Fault fault;
  bool keep_alive;
  http::Request request;

  bool operator==(const Framed& other) const {
    if (state != other.state || (state == RequestFramer::State::kFault && fault != other.fault)) return false;
    if (state != RequestFramer::State::kComplete) return true;
    return keep_alive == other.keep_alive && request.method == other.request.method &&
           request.path == other.request.path && request.raw_query == other.request.raw_query &&
           request.headers == other.request.headers && request.body == other.request.body;
  }
};

// All requests of the stream, which arrives in pieces of that size, the first perhaps of another.
std::vector<Framed> Frame(std::string_view stream, std::size_t first, std::size_t piece) {
  std::vector<Framed> framed;
  RequestFramer framer(kLimits);
  std::size_t size = first;
  while (!stream.empty()) {
    const std::string_view bytes = stream.substr(0, size);
    const std::size_t taken = framer.Feed(bytes);
    BILLHOOK_CHECK(taken <= bytes.size());
    BILLHOOK_CHECK(taken == bytes.size() || framer.state() != RequestFramer::State::kNeedsMore);
    stream.remove_prefix(taken);
    size = piece;
    if (framer.state() == RequestFramer::State::kNeedsMore) {
      static_cast<void>(framer.TakeExpectation());
      BILLHOOK_CHECK(framer.held_bytes() <=
                     16 * 1024 + 2 * (kLimits.max_header_bytes + kLimits.max_body_bytes));
      continue;
    }
    const RequestFramer::State state = framer.state();
    const http::Fault fault = framer.fault();
    const bool keep_alive = framer.keep_alive();
    framed.push_back({state, fault, keep_alive, framer.Take()});
    if (state == RequestFramer::State::kFault) return framed;
  }
  framed.push_back({framer.state(), framer.fault(), true, {}});
  return framed;
}

void CheckRequest(const http::Request& request) {
  BILLHOOK_CHECK(!request.method.empty() && !request.path.empty() &&
                 request.body.size() <= kLimits.max_body_bytes &&
                 request.headers.size() <= kLimits.max_header_count);
  for (const auto& [name, value] : request.headers)
    BILLHOOK_CHECK(!name.empty() &&
                   (name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  const std::optional<std::string> path = http::PercentDecode(request.path, false);
  if (path) BILLHOOK_CHECK(path->find('\0') == std::string::npos);
  auto query = http::QueryParameters::Parse(request.raw_query, {"cursor", "limit", "as_of"});
  if (!query) return;
  const auto limit = query->Integer("limit", 1, 100);
  BILLHOOK_CHECK(!limit || (*limit >= 1 && *limit <= 100));
  static_cast<void>(query->Time("as_of"));
  if (const std::optional<std::string> cursor = query->Text("cursor")) {
    const std::optional<query::Key> key = query::DecodeCursor(*cursor, 2);
    BILLHOOK_CHECK(!key || query::DecodeCursor(query::EncodeCursor(*key), 2) == key);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream = test::AsText(data, size).substr(2);
  const std::vector<Framed> whole = Frame(stream, stream.size(), stream.size());
  for (const Framed& framed : whole) {
    if (framed.state == RequestFramer::State::kComplete) CheckRequest(framed.request);
  }
  BILLHOOK_CHECK(whole == Frame(stream, 1u + data[0], stream.size()));
  BILLHOOK_CHECK(whole == Frame(stream, 1, 1));
  BILLHOOK_CHECK(whole == Frame(stream, 1u + data[0], 1u + data[1] % 16));
  return 0;
}
