// A keep-alive HTTP/1.1 client for one server, for `simulate`, `backfill` and the tests. Over https the
// server's certificate must be one that this machine trusts. One object is one connection: not thread safe.
// This header and server.h are the only doors to httplib.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "service/http/message.h"

namespace billhook::http {

class Client {
 public:
  // `base_url` as "http://127.0.0.1:8080". A bad one makes every call fail with `error()`.
  explicit Client(const std::string& base_url,
                  std::chrono::milliseconds timeout = std::chrono::milliseconds(30'000));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The answer, or nothing when there was none (refused, reset, timed out): then error() says why. Nothing is
  // sent twice and nothing unpacked. The answer's `headers` are all that came, sorted by name, Content-Type
  // among them.
  std::optional<Response> Send(const std::string& method, const std::string& path_and_query,
                               const Fields& headers = {}, const std::string& body = "",
                               const std::string& content_type = "application/json");

  [[nodiscard]] const std::string& error() const;
  // Whether the same may succeed later: not after a bad address, an untrusted certificate, an endless answer.
  [[nodiscard]] bool may_pass() const;

  static constexpr std::size_t kMostAnswerBytes = 256 << 20;  // a larger one is no answer

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace billhook::http
