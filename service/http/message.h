// Plain HTTP request and response values: what the rest of the service knows of HTTP. No library type appears
// here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace billhook::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;          // as sent: "GET", "POST" ...
  std::string path;            // without the query; percent-encoding still in place
  std::string raw_query;       // what stands after '?', not decoded
  Fields headers;              // in order of arrival, repeated ones kept
  std::string body;            // raw bytes, de-chunked, never decompressed
  std::string remote_address;  // "127.0.0.1"

  // The first header of that name (compared without case), or nullptr.
  [[nodiscard]] const std::string* Header(std::string_view name) const;
  // How often a header of that name stands in the request.
  [[nodiscard]] std::size_t HeaderCount(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Fields headers;  // further ones; Content-Type, Content-Length, Date and Connection are the server's
  std::shared_ptr<const void>
      space{};  // what the body takes of a bound; let go once it has been sent or dropped
};

// An answer that waits for something, for which no thread need be held. The request stays until it is given.
struct Pending {
  // Begins to wait, or does it itself if that is quickest. `ready` is called once when that is over, from any
  // thread, maybe before this returns; never if this throws.
  std::function<void(std::function<void()> ready)> begin;
  std::function<Response()> answer;  // called once, when ready
};

using Reply = std::variant<Response, Pending>;

// The response, waited for.
Response Await(Reply reply);

// Why the server answers a request that never reached the handler.
enum class Fault {
  kMalformed,           // 400: not HTTP, both lengths given, bad chunk, bad Content-Length ...
  kRequestTimeout,      // 408: the whole request did not arrive within the limit
  kBodyTooLarge,        // 413: announced by Content-Length, or found while reading chunks
  kUriTooLong,          // 414
  kHeadersTooLarge,     // 431: bytes or number of headers
  kOverloaded,          // 503: more complete requests wait than the limit allows, or the server is stopping
  kVersionNotSupported  // 505
};

}  // namespace billhook::http
