// RequestFramer: finds where one HTTP/1.x request ends in a stream of bytes that arrives in pieces of any
// size, and takes it apart. It reads RFC 9112 strictly, because whatever two parsers understand differently
// is a way to smuggle a request past a proxy: line ends are CRLF alone, one length is stated in one way,
// anything odd is a fault. Every limit is checked as the bytes arrive, so it never holds much more than the
// limits allow. Pure (no socket, no clock); one object serves one connection and is not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "service/http/message.h"

namespace billhook::http {

struct FramingLimits {
  std::size_t max_body_bytes;
  std::size_t max_uri_bytes;
  std::size_t max_header_bytes;  // request line, headers, chunk extensions and trailers together
  std::size_t max_header_count;  // headers and trailers together
};

class RequestFramer {
 public:
  enum class State { kNeedsMore, kComplete, kFault };

  // `limits` must outlive the framer.
  explicit RequestFramer(const FramingLimits& limits) : limits_(&limits) {}

  // Takes bytes up to the end of the request and returns how many it took: fewer than given only once the
  // state is kComplete (the rest belongs to the next request) or kFault (the rest is worth nothing).
  std::size_t Feed(std::string_view bytes);

  [[nodiscard]] State state() const;
  [[nodiscard]] Fault fault() const { return fault_; }  // when the state is kFault
  // Whether no byte of a request has been taken yet.
  [[nodiscard]] bool empty() const { return part_ == Part::kRequestLine && head_bytes_ == 0; }
  // Whether the peer waits for "100 Continue" before it sends the body: true once for a request that asks for
  // it.
  [[nodiscard]] bool TakeExpectation();
  // Whether the peer wants the connection kept open after the answer (meaningful once the request is
  // complete).
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  // What it holds of the request, in bytes of memory.
  [[nodiscard]] std::size_t held_bytes() const;
  // The request so far; whole once the state is kComplete.
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] int minor_version() const { return minor_version_; }  // of HTTP/1.x

  // Hands out the request (after a fault: what was read of it) and starts anew, holding no memory.
  Request Take();

 private:
  enum class Part {
    kRequestLine,
    kHeaders,
    kBody,
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailers,
    kComplete,
    kFault
  };

  struct Room {
    std::size_t bytes;
    Fault beyond;
  };

  std::size_t FeedLine(std::string_view bytes);
  std::size_t FeedBody(std::string_view bytes);
  [[nodiscard]] Room RoomOnLine() const;
  bool JudgePiece(std::string_view piece);
  void OnLine(std::string_view line);
  void OnRequestLine(std::string_view line);
  bool SplitTarget(std::string_view target);
  void OnHeader(std::string_view line, bool keep);
  void OnHeadersEnd();
  void OnChunkSize(std::string_view line);
  void Fail(Fault fault);

  const FramingLimits* limits_;
  Request request_;
  std::string line_;  // the part of a line that has arrived, when its end has not
  std::size_t head_bytes_ = 0;
  std::size_t header_count_ = 0;
  std::size_t body_left_ = 0;  // of the body, or of the chunk
  int empty_lines_ = 0;
  int minor_version_ = 1;
  bool keep_alive_ = true;
  bool expects_continue_ = false;
  Part part_ = Part::kRequestLine;
  Fault fault_ = Fault::kMalformed;
};

// ASCII letters only, whatever the locale.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

}  // namespace billhook::http
