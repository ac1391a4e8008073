// The HTTP server: cpp-httplib's dispatcher and response writer behind a connection layer and a request
// framer of our own, so that slow or idle connections cost no thread and every request has a limit in bytes
// and time. One thread watches all connections (epoll) and collects whole requests; a pool of workers runs
// the handler, from several threads at once. A request whose answer is pending need not hold one. This
// header and client.h are the only doors to httplib.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "service/http/message.h"

namespace billhook::http {

struct Limits {
  std::size_t max_body_bytes = 1 << 20;
  std::size_t max_uri_bytes = 8 * 1024;
  std::size_t max_header_bytes = 32 * 1024;  // request line and all headers together
  std::size_t max_header_count = 100;
  std::size_t max_connections = 20'000;     // for one more, those make room that have said nothing longest
  std::size_t max_waiting_requests = 4096;  // complete requests without a worker; one more is answered 503
  // Memory for requests that arrive, wait or are handled, all together; one that would need more is answered
  // 503 unless it is small.
  std::size_t max_held_bytes = 128 << 20;
  std::chrono::milliseconds request_timeout{15'000};  // for a whole request (headers and body) to arrive
  std::chrono::milliseconds idle_timeout{60'000};     // for an idle keep-alive connection
  std::chrono::milliseconds write_timeout{10'000};    // for a peer to take an answer
};

class Reactor;

class Server {
 public:
  using Handler = std::function<Reply(const Request&)>;
  using FaultHandler =
      std::function<Response(const Request&, Fault)>;  // the request holds what was read so far

  enum class Urgency {
    kAtOnce,    // its handler waits for nothing: it is answered even while all workers are busy
    kForemost,  // a quarter of the workers is kept for such, but for a lone worker
    kUsual,
  };
  using Urgencies = std::function<Urgency(const Request&)>;

  // `threads` workers run `handler`; `on_fault` shapes the answer to what never reaches it.
  Server(
      Limits limits, std::size_t threads, Handler handler, FaultHandler on_fault,
      Urgencies urgency_of = [](const Request&) { return Urgency::kUsual; });
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds (no SO_REUSEPORT: a second process on the port is refused) and starts to serve in threads of its
  // own. `port` 0 picks a free one. Returns an error text that tells a person what to do, or an empty string.
  std::string Start(const std::string& host, int port);

  // "http://127.0.0.1:43121", once started; IPv6 hosts in brackets.
  [[nodiscard]] std::string address() const;

  // Stops accepting at once, closes idle connections, lets requests in flight finish (their answers say
  // `Connection: close`) and returns when all have, or when `deadline` has passed: true if none was cut off.
  bool Stop(std::chrono::steady_clock::time_point deadline);

  struct Stats {
    std::size_t connections = 0;
    std::size_t waiting_requests = 0;
    std::size_t held_bytes = 0;  // see Limits::max_held_bytes
  };
  [[nodiscard]] Stats stats() const;

 private:
  const Limits limits_;
  const std::size_t threads_;
  const Handler handler_;
  const FaultHandler on_fault_;
  const Urgencies urgency_of_;
  std::unique_ptr<Reactor> reactor_;
};

}  // namespace billhook::http
